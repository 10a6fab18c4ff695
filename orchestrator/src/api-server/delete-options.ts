import { isInteger } from '@berth/kit';
import { apiError } from '@berth/kube';
import type { BodyDecoder } from './body-decoder.ts';
import { invalid } from './invalid.ts';
import { booleanOf, integerOf } from './query-values.ts';
import type { FieldError } from './resource-definition.ts';
import { invalid as invalidField, notSupported } from './resources/field.ts';
import type { ServerRequest } from './server-request.ts';
import { dryRunErrors } from './write-options.ts';

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
  /** The old way to say a policy, where the request used it. */
  readonly orphanDependents?: boolean;
}

/** From the body where there is one, else from the query, as upstream reads them. @throws ApiError BadRequest, Invalid. */
export async function deleteOptionsOf(request: ServerRequest, bodies: BodyDecoder): Promise<DeleteOptions> {
  return checkedDeleteOptions(await readDeleteOptions(request, bodies));
}

/** As they were sent. @throws ApiError BadRequest – they cannot be read. */
export async function readDeleteOptions(request: ServerRequest, bodies: BodyDecoder): Promise<GivenDeleteOptions> {
  return (await fromBody(request, bodies)) ?? fromQuery(request.query);
}

/** @throws ApiError Invalid – upstream's ValidateDeleteOptions. */
export function checkedDeleteOptions(given: GivenDeleteOptions): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun } = given;
  const errors: FieldError[] = dryRunErrors(dryRun);
  const policies = ['Background', 'Foreground', 'Orphan'];
  const field = 'propagationPolicy';
  if (propagationPolicy !== undefined && orphanDependents !== undefined)
    errors.push(invalidField(field, propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy))
    errors.push(notSupported(field, propagationPolicy, ['Foreground', 'Background', 'Orphan', 'nil']));
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  const legacy = orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background';
  return {
    dryRun: dryRun.length > 0,
    gracePeriodSeconds,
    propagationPolicy: (propagationPolicy as DeleteOptions['propagationPolicy']) ?? legacy,
    preconditions: preconditions ?? {},
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
  };
}

/** The options as an object of their own, for those who are asked about the deletion. */
export function deleteOptionsObject(options: DeleteOptions): object {
  const { dryRun, gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return {
    kind: 'DeleteOptions',
    apiVersion: 'meta.k8s.io/v1',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(Object.keys(preconditions).length > 0 ? { preconditions } : {}),
    ...(propagationPolicy ? { propagationPolicy } : {}),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  };
}

/** What was sent, whatever it is. */
export interface GivenDeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly preconditions: DeleteOptions['preconditions'] | undefined;
  readonly dryRun: readonly string[];
}

async function fromBody(request: ServerRequest, bodies: BodyDecoder): Promise<GivenDeleteOptions | undefined> {
  const { body } = request;
  if (body.type === 'none') return undefined;
  if (body.type === 'value' && (body.value === undefined || body.value === null)) return undefined;
  let known = request;
  if (body.type === 'bytes') {
    const bytes = await body.read();
    if (bytes.byteLength === 0) return undefined;
    known = { ...request, body: { type: 'bytes', read: async () => bytes } };
  }
  const schema = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
  // Every group has its own DeleteOptions; which one a client names makes no difference.
  const expected = { group: '', version: 'v1', kind: 'DeleteOptions', schema };
  const options = await bodies.options(known, expected);
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun = [] } = options;
  if (gracePeriodSeconds !== undefined && !isInteger(gracePeriodSeconds))
    throw apiError('BadRequest', 'gracePeriodSeconds must be a whole number of seconds');
  const seconds = gracePeriodSeconds === undefined ? undefined : Number(gracePeriodSeconds);
  return { gracePeriodSeconds: seconds, propagationPolicy, orphanDependents, preconditions, dryRun };
}

function fromQuery(query: URLSearchParams): GivenDeleteOptions {
  return {
    gracePeriodSeconds: integerOf(query, 'gracePeriodSeconds'),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: booleanOf(query, 'orphanDependents'),
    preconditions: preconditionsOf(query),
    dryRun: query.getAll('dryRun'),
  };
}

/** Nothing is no precondition there (apis/meta/v1 Convert_url_Values_To_v1_DeleteOptions). */
function preconditionsOf(query: URLSearchParams): DeleteOptions['preconditions'] | undefined {
  const [uid, resourceVersion] = [query.get('uid'), query.get('resourceVersion')];
  return uid || resourceVersion
    ? { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) }
    : undefined;
}
