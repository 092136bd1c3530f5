# Evaluates modules as NixOS would: { config = what they come to; failed = messages of the assertions that do not hold }. The
# options that NixOS itself has are declared here, as far as the modules set them.
{ modules, library ? ./stub.nix }:

let
  lib = import library;
  inherit (lib) mkOption types;
  pkgs = {
    writeText = name: text: "/nix/store/${name}:${text}";
    callPackage = _: _: package "ingot";
  } // builtins.listToAttrs (map (name: { inherit name; value = package name; }) [ "coreutils" "util-linux" "fuse3" "juicefs" "ingot" ]);
  package = name: { type = "derivation"; inherit name; outPath = "/nix/store/${name}"; };
  list = type: mkOption { type = types.listOf type; default = [ ]; };
  any = default: mkOption { type = types.attrsOf types.anything; inherit default; };
  text = mkOption { type = types.lines; default = ""; };
  word = mkOption { type = types.str; default = ""; };
  service.options = {
    description = word;
    script = text;
    preStart = text;
    postStart = text;
    preStop = text;
    wantedBy = list types.str;
    before = list types.str;
    after = list types.str;
    wants = list types.str;
    requires = list types.str;
    path = list types.package;
    restartTriggers = list types.anything;
    environment = any { };
    unitConfig = any { };
    serviceConfig = any { };
  };
  nixos.options = {
    assertions = list types.anything;
    environment.systemPackages = list types.package;
    environment.etc = any { };
    networking.firewall.allowedTCPPorts = list types.int;
    networking.firewall.extraInputRules = text;
    programs.fuse.userAllowOther = mkOption { type = types.bool; default = false; };
    services.redis.servers = any { };
    users.groups = any { };
    users.users = any { };
    systemd.packages = list types.package;
    systemd.services = mkOption { type = types.attrsOf (types.submodule service); default = { }; };
  };
  inherit (lib.evalModules { modules = [ nixos ] ++ modules; specialArgs = { inherit pkgs; }; }) config;
in
{
  failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
  config = {
    inherit (config) networking programs users;
    environment = config.environment // { systemPackages = map toString config.environment.systemPackages; };
    services.redis = config.services.redis;
    systemd = {
      packages = map toString config.systemd.packages;
      services = builtins.mapAttrs (_: unit: unit // { path = map toString unit.path; }) config.systemd.services;
    };
  };
}
