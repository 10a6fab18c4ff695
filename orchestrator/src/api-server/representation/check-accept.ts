import { apiError } from '@berth/kube';
import type { ResourceRoute } from '../route.ts';
import type { Answer } from '../server-request.ts';
import { mediaTypes, negotiate, type OfferedForms, protobufMedia } from './negotiate.ts';

const streamTypes = ['application/json;stream=watch', `${protobufMedia};stream=watch`];
const collectionTypes = [...mediaTypes, ...streamTypes];
const logTypes = ['text/plain', ...mediaTypes];

/** What they answer is another's, or no answer at all. */
const connecting = new Set(['proxy', 'exec', 'attach', 'portforward']);

/**
 * Refuses what cannot be answered in a form the client accepts, before anything is done: first what no route of what is
 * built in produces, then what cannot be made of an object. @throws ApiError NotAcceptable
 */
export function checkAccept(route: ResourceRoute, accept: string | undefined): void {
  const { definition, verb, subresource } = route;
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return;
  if (subresource && connecting.has(subresource.name)) return;
  if (!definition.custom) {
    const isLog = subresource?.name === 'log';
    checkProduced(accept, isLog ? logTypes : verb === 'list' || verb === 'watch' ? collectionTypes : mediaTypes);
  }
  negotiate(accept, { tables: hasTables(route), protobuf: !definition.custom });
}

/** What has the form that is asked for. */
export type FormedAnswer = Extract<Answer, { type: 'object' | 'list' | 'watch' }>;

/** The forms of an answer, which are those that {@link checkAccept} has looked for. */
export function offeredFormsOf(answer: FormedAnswer): OfferedForms {
  return {
    tables: answer.type !== 'object' || answer.tables !== false,
    protobuf: !answer.definition?.custom,
  };
}

/** Groups whose status endpoints make no tables. */
const statusWithoutTable = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io', 'resource.k8s.io']);

/** Reviews and most subresources cannot be shown as tables (their storages are no rest.TableConvertor). */
export function hasTables({ definition, subresource }: ResourceRoute): boolean {
  if (definition.custom) return true;
  if (!subresource) return definition.verbs.includes('get');
  return subresource.name === 'scale' || (subresource.name === 'status' && !statusWithoutTable.has(definition.group));
}

/** Whether one of the types that a route produces is named, letter by letter. @throws ApiError NotAcceptable */
export function checkProduced(accept: string | undefined, produced: readonly string[]): void {
  if (accept === undefined || accept === '') return;
  const named = accept.split(',').map((range) => (range.split(';', 1)[0] as string).trim());
  if (named.some((type) => type === '*/*' || produced.includes(type))) return;
  const message = `406: Not Acceptable\n\nAvailable representations: ${produced.join(', ')}`;
  throw apiError('NotAcceptable', message, { details: {} });
}
