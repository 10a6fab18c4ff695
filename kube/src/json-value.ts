/** Handling JSON values whose keys come from users. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sets an own property even where the key is `__proto__`: keys of maps come from users. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

export function joinPath(segments: readonly string[]): string {
  return segments.reduce(
    (path, segment) => (path === '' || segment.startsWith('[') ? path + segment : `${path}.${segment}`),
    '',
  );
}

/** Puts the members of an object in the order in which Go writes those of a map. */
export function sortMembers(object: Record<string, unknown>): void {
  const names = Object.keys(object);
  const sorted = names.toSorted();
  if (names.every((name, i) => name === sorted[i])) return;
  const entries = sorted.map((name) => [name, object[name]] as const);
  for (const name of names) delete object[name];
  for (const [name, value] of entries) setOwn(object, name, value);
}

/** JSON with the members of objects in order, as Go writes maps: equal values have equal texts. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    // An integer beyond 2^53 is its digits by now, which are an object.
    isRecord(each) && !JSON.isRawJSON(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** Whether a JSON value has parts: an object or a list. */
export function isHolder(value: unknown): value is Record<string, unknown> | unknown[] {
  return typeof value === 'object' && value !== null;
}
