import type { AdmissionRequest } from '../admission/admission.ts';
import type { ServerContext } from '../server-context.ts';
import { sentManaged } from './managed-fields.ts';

/**
 * Mutating admission, after which managedFields are what they were, if it left what can't be read
 * (fieldmanager NewManagedFieldsValidatingAdmissionController). @throws ApiError
 */
export async function admitKeepingFields(context: ServerContext, request: AdmissionRequest): Promise<void> {
  const { object, warn } = request;
  const before = object.metadata.managedFields;
  await context.admission.mutate(request);
  const { metadata } = object;
  if (metadata.managedFields === before) return;
  try {
    sentManaged(metadata.managedFields ?? []);
  } catch (error) {
    if (before) metadata.managedFields = before;
    else delete metadata.managedFields;
    warn(
      `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${(error as Error).message}`,
    );
  }
}
