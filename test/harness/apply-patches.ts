import fc from 'fast-check';

type Json = Record<string, unknown>;

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:',
  'f:x/y',
  'f:__proto__',
  '.',
  'v:"a"',
  'v:"<b>"',
  'v:1',
  'v:1.0',
  'v:true',
  'v:null',
  'v:[1]',
  'v: "a"',
  'k:{"name":"a"}',
  'k:{"port":80,"protocol":"TCP"}',
  'k:{"protocol":"TCP","port":80}',
  'k:{"name": "a"}',
  'k:{}',
  'i:0',
  'i:10',
  'i:2',
  'x:later',
  'k:{"port":8080}',
  'k:{"port":9}',
  'v:10',
  'v:9',
  'v:false',
  'v:"ü"',
  'v:"\u{1f600}"',
  'v:"\uffee"',
);
const broken = fc.constantFrom('a', '', 'fa', 'v:', 'v:{', 'k:1', 'k:[]', 'i:x', 'i:');

/** Field sets as clients may write them: nearly all of known elements, some of them in other spellings. */
export const randomFieldSet: fc.Arbitrary<Json> = fc.letrec<{ node: Json }>((tie) => ({
  node: fc.dictionary(
    fc.oneof({ weight: 60, arbitrary: element }, { weight: 1, arbitrary: broken }),
    fc.oneof({ depthSize: 'small' }, fc.constant({}), tie('node')),
    { maxKeys: 4, noNullPrototype: true },
  ),
})).node;

const word = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom<unknown>('1', '2', null);
const map = fc
  .dictionary(fc.constantFrom('a', 'b', 'app', '$patch'), value, { maxKeys: 2, noNullPrototype: true })
  .map((made) => ('$patch' in made ? { ...made, $patch: made['$patch'] === null ? 'delete' : 'replace' } : made));
const optional = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
  fc
    .record(
      Object.fromEntries(
        Object.entries(fields).map(([name, field]) => [name, fc.option(field, { nil: undefined, freq: 1 })]),
      ),
    )
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, each]) => each !== undefined)));

const directive = fc.constantFrom(undefined, undefined, undefined, undefined, 'delete', 'replace');
const item = (key: string, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
  fc
    .tuple(word, directive, optional(fields))
    .map(([name, $patch, rest]) => ({ [key]: name, ...rest, ...($patch ? { $patch } : {}) }));
const items = (key: string, fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.uniqueArray(item(key, fields), { maxLength: 3, selector: (each) => each[key] });

/** Patches of a pod, with every directive there is, some of them wrong. */
export const randomPatch: fc.Arbitrary<Json> = optional({
  metadata: optional({
    labels: map,
    annotations: fc.constantFrom(null, {}, { a: null }),
    finalizers: fc.uniqueArray(fc.constantFrom('example.com/a', 'example.com/c'), { maxLength: 2 }),
    '$deleteFromPrimitiveList/finalizers': fc.constant(['example.com/a']),
    '$setElementOrder/finalizers': fc.constantFrom(
      ['example.com/b', 'example.com/a'],
      ['example.com/a', 'example.com/c'],
    ),
  }),
  spec: optional({
    containers: items('name', {
      image: value,
      command: fc.constantFrom(['x'], [], null),
      env: items('name', { value: fc.constantFrom('1', '2') }),
      ports: fc.array(fc.record({ containerPort: fc.constantFrom(80, 443), name: word }), { maxLength: 2 }),
    }),
    '$setElementOrder/containers': fc
      .uniqueArray(word, { maxLength: 3 })
      .map((names) => names.map((name) => ({ name }))),
    volumes: items('name', {
      emptyDir: fc.constantFrom({}, null, { medium: 'Memory' }),
      configMap: fc.constantFrom(null, { name: 'x' }),
      $retainKeys: fc.constantFrom(['name', 'emptyDir'], ['name', 'configMap'], ['name']),
    }),
    nodeSelector: map,
    tolerations: fc.constantFrom<unknown>([], [{ key: 'z' }], null),
    imagePullSecrets: items('name', {}),
    unknown: fc.constantFrom(1),
  }),
});

const mergeKeys = ['containerPort', 'mountPath', 'port', 'ip', 'topologyKey', 'uid', 'type', 'name'];

/** A patch that names an item twice has no meaning of its own: upstream's depends on an unstable sort. */
function withoutTwins(items: readonly unknown[]): unknown[] {
  const seen = new Set<unknown>();
  return items.filter((item) => {
    if (typeof item !== 'object' || item === null) return true;
    const key = mergeKeys.find((name) => name in item);
    const value = key === undefined ? undefined : (item as Json)[key];
    if (value === undefined || seen.has(value)) return value === undefined;
    seen.add(value);
    return true;
  });
}

/** An object as a patch: here and there a null, a directive, or a list's order. */
export function asPatch(object: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  return fc.tuple(object, fc.infiniteStream(fc.nat(11))).map(([made, chance]) => {
    const draw = () => chance.next().value as number;
    const disturb = (each: unknown): unknown => {
      if (Array.isArray(each)) return withoutTwins(each).map(disturb);
      if (typeof each !== 'object' || each === null) return draw() === 0 ? null : each;
      const entries = Object.entries(each).map(([key, member]) => [key, draw() === 0 ? null : disturb(member)]);
      const directive = { 0: { $patch: 'replace' }, 1: { $patch: 'delete' }, 2: { $retainKeys: Object.keys(each) } }[
        draw()
      ];
      return { ...Object.fromEntries(entries), ...directive };
    };
    return disturb(made) as Json;
  });
}
