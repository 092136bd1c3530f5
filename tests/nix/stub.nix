# As much of nixpkgs' library and module system as deploy/nix uses, for machines without nixpkgs: options with types that are
# checked and merged, submodules, mkIf, mkDefault, defaults, imports. What it does not know fails. tests/nix/run takes the real one
# where NIXPKGS_LIB names it.
let
  b = builtins;
  lib = rec {
    inherit (b) attrNames attrValues concatLists concatStringsSep length elemAt filter isList isString;
    id = x: x;
    last = list: b.elemAt list (b.length list - 1);
    toInt = text: b.fromJSON text;
    optional = condition: x: if condition then [ x ] else [ ];
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    unique = b.foldl' (seen: x: if b.elem x seen then seen else seen ++ [ x ]) [ ];
    nameValuePair = name: value: { inherit name value; };
    mapAttrsToList = f: set: map (name: f name set.${name}) (b.attrNames set);
    mapAttrs' = f: set: b.listToAttrs (mapAttrsToList f set);
    filterAttrs = keep: set: b.listToAttrs (map (name: nameValuePair name set.${name})
      (b.filter (name: keep name set.${name}) (b.attrNames set)));
    concatStrings = b.concatStringsSep "";
    concatMapStringsSep = between: f: list: b.concatStringsSep between (map f list);
    splitString = between: text: b.filter b.isString (b.split (escapeRegex between) text);
    escapeRegex = b.replaceStrings [ "." "[" "]" ] [ "\\." "\\[" "\\]" ];
    escapeShellArg = x:
      let text = toString x;
      in if b.match "[[:alnum:],._+:@%/-]+" text != null then text
      else "'" + b.replaceStrings [ "'" ] [ "'\\''" ] text + "'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;

    # Values with a property; a definition's priority is the lower the stronger.
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkOverride = priority: content: { _type = "override"; inherit priority content; };
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption = what: mkOption { type = types.bool; default = false; description = "Whether to enable ${what}."; };

    # A type: does it take a value, and what do several definitions come to.
    types =
      let
        one = where: defs:
          let strongest = b.foldl' (a: d: if d.priority < a then d.priority else a) 9999 defs;
              left = unique (map (d: d.value) (b.filter (d: d.priority == strongest) defs));
          in if b.length left == 1 then b.head left else throw "The option `${where}' has conflicting definitions";
        plain = name: check: { inherit name check; merge = one; };
      in rec {
        bool = plain "boolean" b.isBool;
        int = plain "signed integer" b.isInt;
        ints.positive = plain "positive integer" (x: b.isInt x && x > 0);
        str = plain "string" b.isString;
        lines = { name = "strings"; check = b.isString; merge = _: defs: b.concatStringsSep "\n" (map (d: d.value) defs); };
        path = plain "absolute path" (x: (b.isString x || b.isPath x) && b.substring 0 1 (toString x) == "/");
        package = plain "package" (x: b.isAttrs x && x ? outPath);
        anything = plain "anything" (_: true);
        nullOr = type: plain "null or ${type.name}" (x: x == null || type.check x);
        oneOf = list: plain (concatMapStringsSep " or " (type: type.name) list) (x: b.any (type: type.check x) list);
        listOf = type: {
          name = "list of ${type.name}";
          check = x: b.isList x && b.all type.check x;
          merge = _: defs: b.concatLists (map (d: d.value) defs);
        };
        attrsOf = type: {
          name = "attribute set of ${type.name}";
          check = b.isAttrs;
          merge = where: defs: b.mapAttrs (name: _: mergeOne "${where}.${name}" type
            (b.concatLists (map (d: optionals (d.value ? ${name}) (expand d.priority d.value.${name})) defs)))
            (b.foldl' (all: d: all // d.value) { } defs);
        };
        submodule = module: {
          name = "submodule";
          check = b.isAttrs;
          merge = where: defs: (evaluate where ([ module ] ++ map (d: { config = d.value; }) defs)
            { name = last (splitString "." where); }).config;
        };
      };

    # A definition without its properties: [] where a condition does not hold.
    expand = priority: value:
      if !(b.isAttrs value) then [ { inherit priority value; } ]
      else if value._type or "" == "if" then (if value.condition then expand priority value.content else [ ])
      else if value._type or "" == "override" then expand value.priority value.content
      else [ { inherit priority value; } ];

    # A set's condition is its members', so that no option needs another's value to know whether it is defined.
    push = value: if value._type or "" == "if" then b.mapAttrs (_: mkIf value.condition) (push value.content) else value;

    mergeOne = where: type: defs:
      let wrong = b.filter (d: !(type.check d.value)) defs;
      in if wrong != [ ] then throw "A definition for option `${where}' is not of type `${type.name}'" else type.merge where defs;

    evaluate = where: modules: given:
      let
        called = module:
          let loaded = if b.isPath module then import module else module;
              result = if b.isFunction loaded then loaded (given // { inherit config lib; }) else loaded;
              self = if result ? options || result ? config then result
                else { config = b.removeAttrs result [ "imports" ]; imports = result.imports or [ ]; };
          in [ self ] ++ b.concatLists (map called (self.imports or [ ]));
        all = b.concatLists (map called modules);
        join = a: c: b.foldl' (set: name: set // {
          ${name} = if a ? ${name} && !(c.${name} ? _type) then join a.${name} c.${name} else c.${name};
        }) a (b.attrNames c);
        options = b.foldl' (set: module: join set (module.options or { })) { } all;
        value = path: option: defs:
          if option._type or "" == "option" then
            if b.concatLists (map (expand 100) defs) == [ ] then option.default or (throw "The option `${path}' is used but not defined")
            else mergeOne path option.type (b.concatLists (map (expand 100) defs))
          else
            let sets = map push defs;
                unknown = b.concatLists (map (set: b.filter (name: !(option ? ${name})) (b.attrNames set)) sets);
            in if unknown != [ ] then throw "The option `${path}.${b.head unknown}' does not exist"
            else b.mapAttrs (name: inner: value (if path == "" then name else "${path}.${name}") inner
              (b.concatLists (map (set: optional (set ? ${name}) set.${name}) sets))) option;
        config = value where options (map (module: module.config or { }) all);
      in { inherit options config; };

    evalModules = { modules, specialArgs ? { } }: evaluate "" modules specialArgs;
  };
in
lib
