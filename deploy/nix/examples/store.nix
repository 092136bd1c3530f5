# A store of six volumes (4+2). Before its first start, once:
#   ingot format --data 4 --parity 2 /dev/disk/by-id/volume-{a,b,c,d,e,f}
{
  imports = [ ../ingot.nix ];

  services.ingot = {
    enable = true;
    volumes = map (letter: "/dev/disk/by-id/volume-${letter}") [ "a" "b" "c" "d" "e" "f" ];
    openFirewall = true;
    rootUserFile = "/run/secrets/ingot-root-user";
    rootPasswordFile = "/run/secrets/ingot-root-password";
    settings = {
      region = "gra";
      default_buckets = [ "share" ];
      audit_log = true;
    };
  };
}
