# services.ingot: a store on this machine's volumes. The unit is the package's own; only what differs here is set. Volumes are made
# into a store by hand, once (ingot format): no module formats a disk. Secrets are files outside the Nix store.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.ingot;
  inherit (lib) mkOption mkEnableOption mkIf types;
  secrets = lib.filterAttrs (_: file: file != null) {
    root_user = cfg.rootUserFile;
    root_password = cfg.rootPasswordFile;
    sealing_key = cfg.sealingKeyFile;
    metrics_token = cfg.metricsTokenFile;
  };
  word = value:
    if value == true then "yes"
    else if value == false then "no"
    else toString value;
  settings = cfg.settings // { volume = cfg.volumes; listen = cfg.listen; }
    // lib.mapAttrs' (name: _: lib.nameValuePair "${name}_file" "/run/credentials/ingot.service/${name}") secrets;
  # A list is a line for each: one line has its limit.
  line = name: value: if builtins.isList value then lib.concatMapStringsSep "" (line name) value else "${name} = ${word value}\n";
  file = pkgs.writeText "ingot.conf" (lib.concatStrings (lib.mapAttrsToList line settings));
  port = lib.toInt (lib.last (lib.splitString ":" cfg.listen));
  secretFile = what: mkOption {
    type = types.nullOr types.str;
    default = null;
    example = "/run/secrets/ingot";
    description = "File outside the Nix store that holds ${what}.";
  };
in
{
  options.services.ingot = {
    enable = mkEnableOption "Ingot, an S3-compatible object store";
    package = mkOption {
      type = types.package;
      default = pkgs.ingot or (pkgs.callPackage ./package.nix { });
      defaultText = "pkgs.ingot";
      description = "The package to run.";
    };
    volumes = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "/dev/disk/by-id/a" "/dev/disk/by-id/b" ];
      description = "Block devices of the store, in any order; made into a store by `ingot format` before the service starts.";
    };
    listen = mkOption {
      type = types.str;
      default = "0.0.0.0:9000";
      description = "Address and port for S3.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Let other machines reach the port of `listen`.";
    };
    rootUserFile = secretFile "the access key of the first user";
    rootPasswordFile = secretFile "the secret key of the first user";
    sealingKeyFile = secretFile "the key that seals secrets in the store (64 hexadecimal digits)";
    metricsTokenFile = secretFile "the bearer token of the metrics addresses";
    deviceAllow = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "block-rbd rw" ];
      description = "Kinds of devices that the unit does not allow by itself; see systemd.resource-control(5).";
    };
    settings = mkOption {
      type = types.attrsOf (types.oneOf [ types.bool types.int types.str (types.listOf types.str) ]);
      default = { };
      example = { region = "gra"; default_buckets = [ "share" ]; audit_log = true; };
      description = "Other options of ingot.conf(5), by their names there.";
    };
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.volumes != [ ];
        message = "services.ingot.volumes is empty: name the block devices of the store.";
      }
      {
        assertion = !(cfg.settings ? root_password || cfg.settings ? root_user || cfg.settings ? sealing_key
          || cfg.settings ? metrics_token);
        message = "services.ingot.settings holds a secret, which everybody could read in the Nix store: use the option that names a file, such as rootPasswordFile.";
      }
      {
        assertion = !(cfg.settings ? volume || cfg.settings ? listen);
        message = "services.ingot.settings names volume or listen: use services.ingot.volumes and services.ingot.listen.";
      }
    ];
    environment.systemPackages = [ cfg.package ];
    environment.etc."ingot/ingot.conf".source = file;
    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [ port ];
    users.groups.ingot = { };
    users.users.ingot = {
      isSystemUser = true;
      group = "ingot";
      description = "Ingot object store";
    };
    systemd.packages = [ cfg.package ];
    systemd.services.ingot = {
      wantedBy = [ "multi-user.target" ];
      restartTriggers = [ file ];
      serviceConfig = {
        # The unit's own command is not where NixOS has it.
        ExecReload = [ "" "${pkgs.coreutils}/bin/kill -HUP $MAINPID" ];
        LoadCredential = lib.mapAttrsToList (name: path: "${name}:${path}") secrets;
        DeviceAllow = cfg.deviceAllow;
      };
    };
  };
}
