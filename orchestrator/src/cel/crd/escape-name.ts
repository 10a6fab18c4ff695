const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

const sequences: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** A property's name as expressions write it; undefined: they cannot (cel/escaping.go). */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*$/.test(name)) return undefined;
  return name.replace(/__|[-./]/g, (part) => sequences[part] as string);
}

/** The way back. */
export function unescapeName(escaped: string): string {
  return escaped.replace(/__([^_]+)__/g, (whole, inner: string) => {
    const found = Object.entries(sequences).find(([, sequence]) => sequence === `__${inner}__`);
    if (found) return found[0];
    return reserved.has(inner) && whole === escaped ? inner : whole;
  });
}
