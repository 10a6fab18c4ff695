import { type FieldSchema, groupVersionOf, type ObjectSchema, schemas } from '@berth/kube';

const versions = ['extensions/v1beta1', 'apps/v1beta1', 'apps/v1beta2'];

interface Older {
  readonly schema: ObjectSchema;
  readonly version: string;
}

/** The Scale of versions that no server has any more: upstream reads one, and complains of its fields, before it refuses it. */
export function olderScale(kind: string, apiVersion: unknown): Older | undefined {
  if (kind !== 'Scale' || typeof apiVersion !== 'string' || !versions.includes(apiVersion)) return undefined;
  const scale = schemas.get('io.k8s.api.autoscaling.v1.Scale');
  const status = scale.fields.get('status') as FieldSchema & { readonly struct: ObjectSchema };
  const text = status.struct.fields.get('selector') as FieldSchema;
  const texts = schemas.get('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta').fields.get('labels') as FieldSchema;
  const fields = new Map([...status.struct.fields, ['selector', texts], ['targetSelector', text]]);
  const older: FieldSchema = { ...status, struct: withFields(status.struct, fields) };
  const schema = withFields(scale, new Map([...scale.fields, ['status', older]]));
  return { schema, version: groupVersionOf(apiVersion).version };
}

/** Its fields are found out when they are asked for, and not copied by a spread. */
function withFields(schema: ObjectSchema, fields: ReadonlyMap<string, FieldSchema>): ObjectSchema {
  const { name, goName, goType, required, atomic, zeroIsAbsent, alwaysPresent } = schema;
  return { name, goName, goType, required, atomic, zeroIsAbsent, alwaysPresent, fields };
}
