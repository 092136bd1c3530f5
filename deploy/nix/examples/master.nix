# The master: Redis for the metadata, and the volume, which it formats once, at /mnt/juicefs.
# /run/secrets/juicefs.env has ACCESS_KEY and SECRET_KEY of the bucket, and META_PASSWORD, which is also in /run/secrets/redis.
{ lib, ... }:
{
  imports = [ ../juicefs.nix ];

  services.redis.servers.juicefs = {
    enable = true;
    bind = "0.0.0.0";
    port = 6379;
    requirePassFile = "/run/secrets/redis";
    appendOnly = true;
    settings.maxmemory-policy = "noeviction";
  };
  networking.firewall.extraInputRules = "ip saddr 10.0.0.0/8 tcp dport 6379 accept";

  services.juicefs = {
    enable = true;
    filesystems.share = {
      metaUrl = "redis://127.0.0.1:6379/1";
      mountPoint = "/mnt/juicefs";
      environmentFile = "/run/secrets/juicefs.env";
      cacheSize = lib.mkDefault 1024;
      writeback = true;
      maxUploads = 20;
      after = [ "redis-juicefs.service" ];
      format = {
        enable = true;
        bucket = "https://s3.gra.io.cloud.ovh.net/share";
      };
    };
  };
}
