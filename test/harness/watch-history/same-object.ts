import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@berth/kube';

/** The form answers came in. `plain`: without managedFields, as parts of the server's own process have objects. */
export type Form = 'full' | 'plain' | 'metadata';

/** Whether what was shown is what is stored, as far as the form shows it; revisions are compared by those who call. */
export function isSameObject(form: Form, shown: KubeObject, stored: KubeObject): boolean {
  const metadata = (object: KubeObject) => {
    const { resourceVersion: _, managedFields, ...rest } = object.metadata;
    return form === 'plain' ? rest : { ...rest, managedFields };
  };
  if (!isDeepStrictEqual(metadata(shown), metadata(stored))) return false;
  return form === 'metadata' || isDeepStrictEqual({ ...shown, metadata: {} }, { ...stored, metadata: {} });
}
