export type Path = readonly (string | number)[];

/** Where in an object, and what is put there; nothing: what is there goes. As test/golden/wrong-*.json write them. */
export type Change = readonly [Path, unknown?];

/** A copy of an object after a change. */
export function changedObject(object: object, [path, ...value]: Change): Record<string, unknown> {
  const copy = structuredClone(object) as Record<string, unknown>;
  const last = path.at(-1) as string;
  // biome-ignore lint/suspicious/noExplicitAny: anything may be there.
  const place = path.slice(0, -1).reduce<any>((at, key) => at[key], copy);
  if (value.length > 0) place[last] = value[0];
  else if (Array.isArray(place)) place.splice(Number(last), 1);
  else delete place[last];
  return copy;
}
