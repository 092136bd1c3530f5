# services.juicefs: JuiceFS volumes, mounted while the machine runs. Keys and passwords are in an environment file outside the Nix
# store (ACCESS_KEY, SECRET_KEY, META_PASSWORD), and in no argument list. A volume with format.enable is formatted once, when the
# metadata engine has none: set it on one machine, the others wait for it.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.juicefs;
  inherit (lib) mkOption mkEnableOption mkIf types escapeShellArg escapeShellArgs optional optionals;
  juicefs = "${cfg.package}/bin/juicefs";
  isMounted = fs: "${pkgs.util-linux}/bin/mountpoint -q ${escapeShellArg fs.mountPoint}";
  ordered = fs: {
    wants = [ "network-online.target" ];
    after = [ "network-online.target" "ingot.service" ] ++ fs.after;
    unitConfig.StartLimitIntervalSec = 0; # what is not there yet is waited for
    environment.HOME = "/root";
    path = [ pkgs.fuse3 pkgs.util-linux pkgs.coreutils ];
  };
  points = lib.mapAttrsToList (_: fs: fs.mountPoint) cfg.filesystems;
  environmentFile = fs: lib.optionalAttrs (fs.environmentFile != null) { EnvironmentFile = fs.environmentFile; };

  formatService = name: fs: lib.nameValuePair "juicefs-format-${name}" (ordered fs // {
    description = "JuiceFS volume ${name}, formatted once";
    before = [ "juicefs-${name}.service" ];
    # A volume that is there stays as it is.
    script = ''
      exec ${juicefs} format --no-update ${escapeShellArgs ([ "--storage" fs.format.storage "--bucket" fs.format.bucket ]
        ++ fs.format.options ++ [ fs.metaUrl name ])}
    '';
    serviceConfig = { Type = "oneshot"; RemainAfterExit = true; Restart = "on-failure"; RestartSec = "5s"; } // environmentFile fs;
  });

  mountFlags = fs: [ "--cache-dir" fs.cacheDir "--cache-size" (toString fs.cacheSize) "--max-uploads" (toString fs.maxUploads)
    "--no-usage-report" ]
    ++ optional fs.writeback "--writeback"
    ++ optionals (fs.mountOptions != [ ]) [ "-o" (lib.concatStringsSep "," fs.mountOptions) ]
    ++ fs.flags;

  mountService = name: fs: lib.nameValuePair "juicefs-${name}" (ordered fs // {
    description = "JuiceFS volume ${name} at ${fs.mountPoint}";
    after = (ordered fs).after ++ optional fs.format.enable "juicefs-format-${name}.service";
    requires = optional fs.format.enable "juicefs-format-${name}.service";
    before = [ "remote-fs.target" "docker.service" "k3s.service" ];
    wantedBy = optional fs.autoMount "multi-user.target";
    preStart = ''
      # A mount whose process is gone would be in the way.
      stat ${escapeShellArg fs.mountPoint} > /dev/null 2>&1 || umount -l ${escapeShellArg fs.mountPoint} 2> /dev/null || true
      mkdir -p ${escapeShellArgs [ fs.mountPoint fs.cacheDir ]}
    '';
    # In the background is what systemd does; the unit is up when the mount is.
    script = "exec ${juicefs} mount ${escapeShellArgs (mountFlags fs ++ [ fs.metaUrl fs.mountPoint ])}";
    postStart = "until ${isMounted fs}; do sleep 0.2; done";
    preStop = "${juicefs} umount ${escapeShellArg fs.mountPoint}";
    serviceConfig = {
      Restart = "on-failure";
      RestartSec = "2s";
      KillMode = "process";
      TimeoutStartSec = "90s";
      TimeoutStopSec = "120s";
      LimitNOFILE = 1048576;
      OOMScoreAdjust = -500;
    } // environmentFile fs;
  });

  filesystem = { name, ... }: {
    options = {
      metaUrl = mkOption {
        type = types.str;
        example = "redis://127.0.0.1:6379/1";
        description = "Metadata engine; without its password, which META_PASSWORD of the environment file is.";
      };
      mountPoint = mkOption {
        type = types.path;
        example = "/mnt/juicefs";
        description = "Where the volume is mounted.";
      };
      environmentFile = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/run/secrets/juicefs.env";
        description = "File outside the Nix store with ACCESS_KEY, SECRET_KEY (for format) and META_PASSWORD.";
      };
      cacheDir = mkOption {
        type = types.path;
        default = "/var/cache/juicefs/${name}";
        description = "Folder of the local cache.";
      };
      cacheSize = mkOption {
        type = types.ints.positive;
        default = 1024;
        description = "Size of the local cache, in MiB.";
      };
      writeback = mkOption {
        type = types.bool;
        default = false;
        description = "Acknowledge writes when they are in the local cache, and upload them afterwards.";
      };
      maxUploads = mkOption {
        type = types.ints.positive;
        default = 20;
        description = "Uploads at the same time.";
      };
      mountOptions = mkOption {
        type = types.listOf types.str;
        default = [ "allow_other" ];
        description = "Options for FUSE, as after -o.";
      };
      flags = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "--metrics" "0.0.0.0:9567" ];
        description = "Other flags of `juicefs mount`.";
      };
      autoMount = mkOption {
        type = types.bool;
        default = true;
        description = "Mount when the machine starts.";
      };
      after = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "redis-juicefs.service" ];
        description = "Units of this machine that the volume needs.";
      };
      format = {
        enable = mkEnableOption "formatting the volume once, when the metadata engine has none";
        storage = mkOption {
          type = types.str;
          default = "s3";
          description = "Kind of the object storage.";
        };
        bucket = mkOption {
          type = types.str;
          default = "";
          example = "https://s3.gra.io.cloud.ovh.net/share";
          description = "URL of the bucket.";
        };
        options = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "--trash-days" "7" ];
          description = "Other flags of `juicefs format`; secrets belong into the environment file.";
        };
      };
    };
  };
in
{
  options.services.juicefs = {
    enable = mkEnableOption "JuiceFS volumes";
    package = mkOption {
      type = types.package;
      default = pkgs.juicefs;
      defaultText = "pkgs.juicefs";
      description = "The package to mount with.";
    };
    filesystems = mkOption {
      type = types.attrsOf (types.submodule filesystem);
      default = { };
      description = "Volumes, by the names that they are formatted with.";
    };
  };

  config = mkIf cfg.enable {
    assertions = lib.concatLists (lib.mapAttrsToList (name: fs: [
      {
        assertion = builtins.match "[a-z0-9][a-z0-9-]{1,61}[a-z0-9]" name != null;
        message = "services.juicefs.filesystems.\"${name}\": a volume's name has 3 to 63 lower-case letters, digits and hyphens.";
      }
      {
        assertion = fs.format.enable -> fs.format.bucket != "";
        message = "services.juicefs.filesystems.${name}.format.bucket is empty: it is the URL of the bucket to format.";
      }
      {
        assertion = builtins.match "[a-z]+://[^@/]*:[^@/]+@.*" fs.metaUrl == null;
        message = "services.juicefs.filesystems.${name}.metaUrl holds a password, which everybody could read: set META_PASSWORD in environmentFile.";
      }
    ]) cfg.filesystems) ++ [{
      assertion = lib.length (lib.unique points) == lib.length points;
      message = "services.juicefs.filesystems: two volumes have the same mountPoint.";
    }];
    environment.systemPackages = [ cfg.package ];
    programs.fuse.userAllowOther = true;
    systemd.services = lib.mapAttrs' mountService cfg.filesystems
      // lib.mapAttrs' formatService (lib.filterAttrs (_: fs: fs.format.enable) cfg.filesystems);
  };
}
