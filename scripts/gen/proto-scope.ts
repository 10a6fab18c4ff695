/** What a contract's descriptor is cut down to: some services and the messages that they name, in one space. */

interface Space {
  nested?: Record<string, Space>;
  fields?: Record<string, { readonly type: string }>;
  methods?: Record<string, { readonly requestType: string; readonly responseType: string }>;
  [other: string]: unknown;
}

interface Scope {
  readonly space: readonly string[];
  readonly beside?: readonly string[];
  readonly services?: readonly string[];
}

/** The descriptor as it is, where the contract names no services. */
export function scoped<S extends Space>(root: S, { space, beside = [], services }: Scope): S {
  if (!services) return root;
  const packages = [space[0] as string, ...beside];
  const all = Object.assign({}, ...packages.map((name) => root.nested?.[name]?.nested)) as Record<string, Space>;
  const kept = new Set<string>();
  const keep = (name: string) => {
    const top = name.split('.').find((part) => part in all);
    if (top === undefined || kept.has(top)) return;
    kept.add(top);
    for (const type of typesIn(all[top] as Space)) keep(type);
  };
  for (const name of services) keep(name);
  const nested = Object.fromEntries(
    packages.map((name) => {
      const inner = root.nested?.[name]?.nested ?? {};
      return [name, { nested: Object.fromEntries(Object.entries(inner).filter(([key]) => kept.has(key)).map(([key, value]) => [key, bare(value)])) }];
    }),
  );
  return { nested } as unknown as S;
}

function typesIn(space: Space): string[] {
  return [
    ...Object.values(space.fields ?? {}).map(({ type }) => type),
    ...Object.values(space.methods ?? {}).flatMap(({ requestType, responseType }) => [requestType, responseType]),
    ...Object.values(space.nested ?? {}).flatMap(typesIn),
  ];
}

/** Without options: gateways' paths and versions of messages say nothing on the wire. */
function bare(value: Space): Space {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key === 'options' || key === 'parsedOptions' || key === 'valuesOptions' || key === 'comment' ? undefined : inner))) as Space;
}
