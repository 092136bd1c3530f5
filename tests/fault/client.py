"""A small S3 client and a load that remembers what was acknowledged: the judge of the fault tests.

Every key has one writer. For each the judge keeps the set of states that may be there: after an acknowledged operation exactly
one, after one without an answer the ones before and after."""
import hashlib
import hmac
import http.client
import random
import threading
import time
import urllib.parse


class Client:
    def __init__(self, address, access, secret, timeout=60):
        self.address, self.access, self.secret, self.timeout = address, access, secret, timeout
        self.connection = None

    def request(self, method, path, body=b"", query="", headers=None):
        """(status, body, headers); raises OSError or http.client.HTTPException when there is no answer."""
        now = time.gmtime()
        date, stamp = time.strftime("%Y%m%d", now), time.strftime("%Y%m%dT%H%M%SZ", now)
        signed = {"host": self.address, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
        signed.update(headers or {})
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        scope = f"{date}/us-east-1/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret).encode()
        for word in (date, "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        signed["Authorization"] = f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders={names}, Signature={signature}"
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
            self.connection.request(method, path + ("?" + query if query else ""), body, signed)
            answer = self.connection.getresponse()
            data = answer.read()
            return answer.status, data, dict(answer.getheaders())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def content(seed, size):
    """The bytes that belong to a seed: cheap to make, different everywhere."""
    block = hashlib.sha256(str(seed).encode()).digest()
    return (block * (size // len(block) + 1))[:size]


class Judge:
    """What may be stored under each key: a set of (seed, size), None for nothing."""

    def __init__(self):
        self.lock = threading.Lock()
        self.states = {}
        self.acknowledged = self.unanswered = self.refused = 0
        self.latencies = []  # (finished at, seconds, acknowledged, method and size)

    def begin(self, key, state):
        with self.lock:
            self.states.setdefault(key, {None}).add(state)

    def end(self, key, state, answered, seconds):
        with self.lock:
            self.latencies.append((time.monotonic(), seconds, answered is True, f"PUT {state[1]}" if state else "DELETE"))
            if answered is True:
                self.states[key] = {state}
                self.acknowledged += 1
            elif answered is None:
                self.unanswered += 1
            else:
                self.refused += 1  # an error answer: it may or may not have happened

    def allowed(self, key):
        return self.states.get(key, {None})


def matches(state, status, data):
    if state is None:
        return status == 404
    return status == 200 and len(data) == state[1] and data == content(*state)


class Load:
    """Writers with keys of their own: PUT, overwrite, DELETE and GET (each answer is judged)."""

    def __init__(self, address, access, secret, bucket, judge, threads=12, sizes=None, seed=1, timeout=60):
        self.stop_flag = threading.Event()
        self.wrong = []
        self.sizes = sizes or [1, 700, 4096, 8192, 9000, 65536, 300000, 1 << 20, 5 << 20]
        self.arguments = (address, access, secret, timeout)
        self.bucket, self.judge = bucket, judge
        self.threads = [threading.Thread(target=self.run, args=(seed * 1000 + index,), daemon=True) for index in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stop_flag.set()
        for thread in self.threads:
            thread.join(120)

    def run(self, seed):
        random_source = random.Random(seed)
        client = Client(*self.arguments)
        keys = [f"load/{seed}/{index}" for index in range(40)]
        count = 0
        while not self.stop_flag.is_set():
            count += 1
            key = random_source.choice(keys)
            choice = random_source.random()
            if choice < 0.5:
                self.write(client, key, (f"{seed}-{count}", random_source.choice(self.sizes)))
            elif choice < 0.65:
                self.write(client, key, None)
            else:
                self.read(client, key)

    def write(self, client, key, state):
        self.judge.begin(key, state)
        began = time.monotonic()
        try:
            path = f"/{self.bucket}/{urllib.parse.quote(key)}"
            if state is None:
                status, _, _ = client.request("DELETE", path)
            else:
                status, _, _ = client.request("PUT", path, content(*state))
            answered = status in (200, 204)
        except (OSError, http.client.HTTPException):
            answered = None
            self.stop_flag.wait(0.05)
        self.judge.end(key, state, answered, time.monotonic() - began)

    def read(self, client, key):
        began = time.monotonic()
        try:
            status, data, _ = client.request("GET", f"/{self.bucket}/{urllib.parse.quote(key)}")
        except (OSError, http.client.HTTPException):
            self.stop_flag.wait(0.05)
            return
        with self.judge.lock:
            self.judge.latencies.append((time.monotonic(), time.monotonic() - began, status in (200, 404), f"GET {len(data)}"))
        if status in (200, 404) and not any(matches(state, status, data) for state in self.judge.allowed(key)):
            self.wrong.append((key, status, len(data), self.judge.allowed(key)))


def verify(client, bucket, judge):
    """Reads every key; returns what is not as acknowledged, and settles the unanswered ones as what is there."""
    wrong = []
    for key in sorted(judge.states):
        status, data, _ = client.request("GET", f"/{bucket}/{urllib.parse.quote(key)}")
        fitting = [state for state in judge.allowed(key) if matches(state, status, data)]
        if not fitting:
            wrong.append((key, status, len(data), judge.allowed(key)))
        else:
            judge.states[key] = {fitting[0]}
    return wrong
