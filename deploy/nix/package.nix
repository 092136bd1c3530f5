# Ingot as a package; callPackage gives the libraries. The unit and sysusers entry come with it, under lib/.
{ lib, stdenv, autoreconfHook, pkg-config, libmicrohttpd, gnutls, openssl, isa-l, xxHash, liburing, sqlite, util-linux, expat, jansson
, inih, systemd, cmocka }:

stdenv.mkDerivation {
  pname = "ingot";
  version = "0.1.0";
  src = lib.cleanSource ../..;
  nativeBuildInputs = [ autoreconfHook pkg-config ];
  buildInputs = [ libmicrohttpd gnutls openssl isa-l xxHash liburing sqlite util-linux expat jansson inih systemd cmocka ];
  doCheck = true;
  enableParallelBuilding = true;
  meta = {
    description = "S3-compatible object store on raw block volumes";
    platforms = [ "x86_64-linux" "aarch64-linux" ];
    mainProgram = "ingot";
  };
}
