{
  description = "Ingot, an S3-compatible object store on raw block volumes";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs = { self, nixpkgs }:
    let each = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ];
    in {
      packages = each (system: rec {
        ingot = nixpkgs.legacyPackages.${system}.callPackage ./package.nix { };
        default = ingot;
      });
      overlays.default = final: _: { ingot = final.callPackage ./package.nix { }; };
      nixosModules = { ingot = ./ingot.nix; juicefs = ./juicefs.nix; };
    };
}
