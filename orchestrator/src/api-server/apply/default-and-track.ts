import { ApiError, type ManagedFieldsEntry } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { convertMissed } from './convert-missed.ts';
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

/**
 * Fills an object's defaults and writes down whose its fields are: what admission changes afterwards is nobody's.
 * Undefined: that is done; a promise where a webhook converts the kind's versions.
 */
export function defaultAndTrack(context: ServerContext, write: FieldWrite): Promise<void> | undefined {
  const { definition, subresource, object, live, manager = ownManager, tracked = false } = write;
  const { metadata } = object;
  const sent = metadata.managedFields;
  delete metadata.managedFields;
  definition.rules.default?.(object);
  const note = (fields: readonly ManagedFieldsEntry[] | undefined) => {
    if (fields) object.metadata.managedFields = [...fields];
  };
  if (tracked) return void note(sent);
  const now = context.clock.now();
  const fields = convertMissed(context.fields.of(definition, subresource), (scope) =>
    trackUpdate({ scope, live, next: object, sent, manager, now }),
  );
  return fields instanceof Promise ? fields.catch(unfollowed).then(note) : void note(fields);
}

/** What can't be converted can't be compared (UpdateNoErrors). */
function unfollowed(error: unknown): undefined {
  if (!(error instanceof ApiError)) throw error;
}
