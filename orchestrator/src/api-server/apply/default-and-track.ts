import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { trackUpdate } from './track-update.ts';

/** A write before admission. */
export interface FieldWrite {
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  /** Changed in place. */
  readonly object: AnyObject;
  /** Undefined: it is created. */
  readonly live: AnyObject | undefined;
  /** Absent: the server itself. */
  readonly manager?: string | undefined;
  /** Its managedFields are settled: by server-side apply, or through a subresource of another kind. */
  readonly tracked?: boolean | undefined;
}

/** How the API server's own writes are signed. */
const ownManager = 'kube-apiserver';

/** Fills an object's defaults and writes down whose its fields are: what admission changes afterwards is nobody's. */
export function defaultAndTrack(context: ServerContext, write: FieldWrite): void {
  const { definition, subresource, object, live, manager = ownManager, tracked = false } = write;
  const { metadata } = object;
  const sent = metadata.managedFields;
  delete metadata.managedFields;
  definition.rules.default?.(object);
  const fields = tracked
    ? sent
    : trackUpdate({
        scope: context.fields.of(definition, subresource),
        live,
        next: object,
        sent,
        manager,
        now: context.clock.now(),
      });
  if (fields) object.metadata.managedFields = fields;
}
