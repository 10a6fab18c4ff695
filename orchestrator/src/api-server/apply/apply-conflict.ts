import { type ApiError, apiError, type Conflict, compareText, printPath } from '@berth/kube';
import { identityOf } from './managed-fields.ts';

/** The answer to an apply that would change what others own (managedfields NewConflictError). */
export function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const told = conflicts.map(({ manager, path }) => ({
    manager: printManager(manager),
    id: manager,
    path: printPath(path),
  }));
  const causes = told.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field: path,
  }));
  return apiError('Conflict', messageOf(told), { details: { causes } });
}

interface Told {
  readonly manager: string;
  readonly id: string;
  readonly path: string;
}

function messageOf(told: readonly Told[]): string {
  const [only] = told;
  if (told.length === 1 && only) return `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.path}`;
  const ids = [...new Set(told.map(({ id }) => id))].sort(compareText);
  const lines = ids.flatMap((id) => [
    `conflicts with ${printManager(id)}:`,
    ...told.filter((each) => each.id === id).map(({ path }) => `- ${path}`),
  ]);
  return `Apply failed with ${told.length} conflicts: ${lines.join('\n')}`;
}

function printManager(id: string): string {
  const { manager, subresource, operation, apiVersion } = identityOf(id);
  const name = JSON.stringify(manager);
  const who = subresource === '' ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}
