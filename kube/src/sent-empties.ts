/**
 * Empty lists and maps that a client sent: Go has them while it works on an object, and tells them apart from none, though
 * it neither stores nor shows them. Kept beside the objects, so that nobody who walks one meets them.
 */
type Path = readonly string[];
type Holder = Record<string, unknown>;

const held = new WeakMap<object, Holder>();
const placed = new WeakMap<object, readonly Path[]>();

/** Keeps in mind that `holder` was sent an empty `name`. */
export function noteSentEmpty(holder: object, name: string, value: unknown): void {
  const known = held.get(holder);
  if (known) known[name] = value;
  else held.set(holder, { [name]: value });
}

/** Keeps in mind where in `root` there are such; steps into lists are `[0]`. */
export function placeSentEmpties(root: object, paths: readonly Path[]): void {
  placed.set(root, paths);
}

/** What stands where something empty was sent: that, though the object does not have it. */
export function withSentEmpty(holder: object, name: string): unknown {
  return (holder as Holder)[name] ?? held.get(holder)?.[name];
}

/** Where in `root` something empty was sent that is still not there, or still empty. */
export function sentEmpties(root: object): readonly Path[] {
  return (placed.get(root) ?? []).filter((path) => {
    const holder = holderAt(root, path);
    return holder !== undefined && isNothing(holder[path.at(-1) as string]);
  });
}

/** A copy of one object, not of what is in it, was sent what the object was. */
export function keepSentEmpty<T extends object>(from: object, copy: T): T {
  const known = held.get(from);
  if (known) held.set(copy, known);
  return copy;
}

/** A deep copy that was sent what the original was; for parts of objects. */
export function copyWithSentEmpties<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyWithSentEmpties) as T;
  const copy = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copyWithSentEmpties(each)]));
  return keepSentEmpty(value, copy) as T;
}

/** A deep copy was sent what the original was. */
export function keepSentEmpties<T extends object>(from: object, copy: T): T {
  const paths = placed.get(from);
  if (!paths) return copy;
  placed.set(copy, paths);
  for (const path of paths) {
    const [original, same] = [holderAt(from, path), holderAt(copy, path)];
    if (original && same) keepSentEmpty(original, same);
  }
  return copy;
}

/** Go's decoder of what is stored makes nothing of the empty lists and maps that it always writes. */
export function nullSentEmpties(root: object): void {
  for (const path of placed.get(root) ?? []) {
    const [holder, name] = [holderAt(root, path), path.at(-1) as string];
    if (holder && holder[name] !== undefined && isNothing(holder[name])) holder[name] = null;
  }
}

function holderAt(root: object, path: Path): Holder | undefined {
  let at: unknown = root;
  for (const step of path.slice(0, -1)) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Array.isArray(at) ? at[Number(step.slice(1, -1))] : (at as Holder)[step];
  }
  return typeof at === 'object' && at !== null ? (at as Holder) : undefined;
}

function isNothing(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === undefined || value === null || value === '';
  for (const _ in value) return false;
  return true;
}
