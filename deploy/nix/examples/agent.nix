# An agent: mounts what the master (its address below) has formatted, with a cache of 2 GiB.
{ lib, ... }:
{
  imports = [ ../juicefs.nix ];

  services.juicefs = {
    enable = true;
    filesystems.share = {
      metaUrl = lib.mkDefault "redis://10.0.0.1:6379/1";
      mountPoint = "/mnt/juicefs";
      environmentFile = "/run/secrets/juicefs.env";
      cacheSize = 2048;
      writeback = true;
      maxUploads = 20;
    };
  };
}
