"""An application on a mount: writes small files, each made durable, for some seconds; says of each what is in it and when it was
acknowledged. Runs on a host of its own: python load.py FOLDER SECONDS. Prints "ok NAME SHA256 BEGAN ENDED" or "error NAME TEXT"."""
import hashlib
import os
import sys
import time


def main(folder, seconds):
    end, number = time.time() + seconds, 0
    os.makedirs(folder, exist_ok=True)
    while time.time() < end:
        name, body, began = f"{number:06}", os.urandom(1000 + number % 5000), time.time()
        number += 1
        try:
            file = os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            try:
                os.write(file, body)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            print("error", name, error, flush=True)
            continue
        print("ok", name, hashlib.sha256(body).hexdigest(), began, time.time(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
