import { expect } from 'vitest';
import { anApiServer, type Exchange } from './api-server.ts';
import { type Answerer, aWebhookServer } from './webhook-server.ts';

export type World = Awaited<ReturnType<typeof aWorld>>;

export interface Hook {
  readonly name?: string;
  readonly configuration?: string;
  readonly mutating?: boolean;
  readonly [field: string]: unknown;
}

export const allow =
  (response: object = {}): Answerer =>
  ({ body }) =>
    review(body, { allowed: true, ...response });

export function review({ apiVersion, request }: { apiVersion: string; request: { uid: string } }, response: object) {
  return { kind: 'AdmissionReview', apiVersion, response: { uid: request.uid, ...response } };
}

export const patch = (...operations: object[]) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

/** An API server and a webhook server it is told of. */
export async function aWorld(
  answer: Answerer,
  { api: how, ...options }: Parameters<typeof aWebhookServer>[1] & { api?: Parameters<typeof anApiServer>[0] } = {},
) {
  const api = await anApiServer(how);
  const hooks = await aWebhookServer(answer, options);
  const send = async (exchange: Exchange) => {
    const reply = await api.send({ contentType: 'application/json', ...exchange });
    return { ...reply, json: JSON.parse(reply.text) };
  };
  const configure = async ({ name = 'hook.example.com', configuration = 'a', mutating = false, ...more }: Hook) => {
    const plural = mutating ? 'mutatingwebhookconfigurations' : 'validatingwebhookconfigurations';
    const path = `/apis/admissionregistration.k8s.io/v1/${plural}`;
    const webhook = {
      name,
      clientConfig: { url: `${hooks.url}/check`, caBundle: hooks.caBundle },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...more,
    };
    const made = await send({ method: 'POST', path, body: { metadata: { name: configuration }, webhooks: [webhook] } });
    expect(made.status, made.text).toBe(201);
  };
  return {
    api,
    hooks,
    send,
    configure,
    create: (name: string, more: object = {}, query = '') =>
      send({
        method: 'POST',
        path: `/api/v1/namespaces/default/configmaps${query}`,
        body: { metadata: { name }, data: { a: '1' }, ...more },
      }),
    async [Symbol.asyncDispose]() {
      await hooks[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}
