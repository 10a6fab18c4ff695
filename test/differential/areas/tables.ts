import { at, type World } from './world.ts';

const accepts = [
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
];

/** Objects and lists as tables and as their metadata alone. `paths`: collections, and an object of each. */
export async function tables(
  world: World,
  kinds: readonly { readonly path: string; readonly object: Named }[],
): Promise<void> {
  for (const { path, object } of kinds) {
    const [made] = await world.ask(object.kind, { method: 'POST', path, body: object });
    // Versions that are not served unless somebody asks for them.
    if (made.status === 404) continue;
    const alone = `fieldSelector=metadata.name%3D${object.metadata.name}`;
    for (const accept of accepts) {
      for (const include of ['', '?includeObject=None', '?includeObject=Object', '?includeObject=x']) {
        await world.ask(object.kind, { method: 'GET', path: `${path}/${object.metadata.name}${include}`, accept });
        await world.ask(object.kind, { method: 'GET', path: `${path}${include || '?'}&${alone}`, accept });
      }
    }
  }
  await world.ask('ConfigMap', { method: 'GET', path: at('v1', 'configmaps', 'nope'), accept: accepts[0] as string });
}

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
