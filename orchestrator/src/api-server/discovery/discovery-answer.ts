import { createHash } from 'node:crypto';
import { protobufWriter } from '@berth/kube';
import { writeYaml } from '../decoding/yaml-text.ts';
import {
  type AggregatedForm,
  mediaTypes,
  notAcceptable,
  plainFormatOf,
  protobufMedia,
  type Representation,
} from '../representation/negotiate.ts';
import { documentEnd } from '../representation/represent.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { Discovered } from './discovered.ts';

/** Of aggregated discovery, the newest first. Upstream left the old one out with 1.36; kubectl up to 1.29 asks for nothing else. */
export const aggregatedVersions = ['v2', 'v2beta1'] as const;

const jsonMedia = 'application/json';
const medias = { json: jsonMedia, yaml: 'application/yaml', protobuf: protobufMedia } as const;

/** Discovery as one document; its hash is that of its JSON, whatever its form. */
export async function aggregatedAnswer(
  value: Discovered,
  { format, version }: AggregatedForm,
  signal: AbortSignal,
): Promise<Answer> {
  const text = JSON.stringify(value);
  const body = await bodyOf(value, text, { format, signal });
  const etag = `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`;
  const contentType = `${medias[format]};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const headers = { 'content-type': contentType, etag, vary: 'Accept', 'cache-control': 'public' };
  return { type: 'document', status: 200, body, headers, says: value };
}

/** What old clients read, piece by piece. @throws ApiError NotAcceptable */
export async function legacyAnswer(
  value: Discovered,
  { accept, signal }: Pick<ServerRequest, 'accept' | 'signal'>,
): Promise<Answer> {
  const format = plainFormatOf(accept);
  if (format === undefined) throw notAcceptable(mediaTypes.join(', '));
  const body = await bodyOf(value, JSON.stringify(value), { format, signal });
  return { type: 'document', status: 200, body, headers: { 'content-type': medias[format] }, says: value };
}

async function bodyOf(
  value: Discovered,
  text: string,
  { format, signal }: { readonly format: Representation['format']; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  if (format === 'json') return Buffer.from(`${text}${documentEnd}`);
  if (format === 'yaml') return Buffer.from(await writeYaml(text, signal));
  const { apiVersion = '' } = value;
  return (await protobufWriter()).object({ ...value, apiVersion: apiVersion || 'v1' }, apiVersion);
}
