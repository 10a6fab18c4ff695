/** What a map has by a key of its own: keys come from users, and `constructor` is nobody's label. */
export function ownMember<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}
