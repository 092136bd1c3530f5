"""The form of fstab that docs/juicefs.md shows, as it stands there."""
from conftest import ACCESS, SECRET
from documents import blocks


def test_fstab(world):
    commands, = blocks("docs/juicefs.md")["fstab"]
    assert "_netdev" in commands
    host = world.host("10.77.0.80", "fstab")
    host.check("echo 10.77.0.1 redis.example.net >> /etc/hosts; mkdir /mnt/jfs")
    world.bucket("tabled")
    format_it = f"{world.bin}/juicefs format --storage s3 --bucket http://10.77.0.1:9000/tabled --access-key \"$ACCESS_KEY\" redis://10.77.0.1:6379/1 tabled"
    host.check(format_it, env=world.environment(ACCESS_KEY=ACCESS, SECRET_KEY=SECRET))
    # A /sbin of its own: the link must not stay on this machine.
    host.check("mkdir /run/sbin /run/work && mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin,workdir=/run/work overlay /usr/sbin")
    host.check(commands, env=world.environment(HOME="/root"))
    host.check("mountpoint -q /mnt/jfs && grep -q fuse.juicefs /proc/mounts && echo it works > /mnt/jfs/a && test \"$(cat /mnt/jfs/a)\" = 'it works'")
    host.check("umount /mnt/jfs; while pgrep -x juicefs > /dev/null; do sleep 0.1; done")
