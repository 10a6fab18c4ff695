import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { type Clock, type Logger, silentLogger, systemClock, systemRng } from '@berth/kit';
import * as x509 from '@peculiar/x509';
import {
  type ApiServerOptions,
  type AuthenticationOptions,
  createApiServer,
  definitions,
  type LimitOptions,
  MemoryStore,
} from '../../orchestrator/src/index.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** DNS names of a server, beside 127.0.0.1. */
  readonly names?: readonly string[] | undefined;
  readonly isExpired?: boolean;
}

interface Authority extends Pair {
  issue(subject: string, usage: 'server' | 'client', options?: IssueOptions): Promise<Pair>;
}

async function pem(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

const dayMs = 86_400_000;

export async function anAuthority(name = 'CN=test-ca', lastsMs = dayMs): Promise<Authority> {
  const [notBefore, notAfter] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + lastsMs)];
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  let serial = 1;
  return {
    cert: ca.toString('pem'),
    key: await pem(keys.privateKey),
    async issue(subject, usage, { names = [], isExpired = false } = {}) {
      const own = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const purpose = usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2';
      const cert = await x509.X509CertificateGenerator.create({
        subject,
        issuer: ca.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        notBefore,
        notAfter: isExpired ? new Date(Date.now() - 60_000) : notAfter,
        serialNumber: `0${serial++}`,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.ExtendedKeyUsageExtension([purpose]),
          ...(usage === 'server'
            ? [
                new x509.SubjectAlternativeNameExtension([
                  { type: 'ip', value: '127.0.0.1' },
                  ...names.map((value) => ({ type: 'dns', value }) as const),
                ]),
              ]
            : []),
        ],
      });
      return { cert: cert.toString('pem'), key: await pem(own.privateKey) };
    },
  };
}

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array | undefined;
  /** False: without a client certificate; another one than the administrator's. */
  readonly certificate?: boolean | Pair;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function keepIn(folder: string, texts: Pair & { readonly clientCa: string }) {
  const files = { cert: join(folder, 'server.crt'), key: join(folder, 'server.key'), clientCa: join(folder, 'ca.crt') };
  for (const name of ['cert', 'key', 'clientCa'] as const) writeFileSync(files[name], texts[name]);
  return files;
}

/** A server over real TLS, on a store in memory. */
export async function anApiServer(
  options: {
    clock?: Clock;
    log?: Logger;
    authentication?: AuthenticationOptions;
    limits?: LimitOptions;
    /** A folder to keep server.crt, server.key and ca.crt in, which are followed. */
    keptIn?: string;
    /** Over what is here by default. */
    more?: Partial<ApiServerOptions>;
  } = {},
) {
  const clock = options.clock ?? systemClock;
  // TLS goes by the machine's clock, and who looks at a certificate after it by the server's, which may be years ahead.
  const authority = await anAuthority(undefined, options.clock ? 3650 * dayMs : dayMs);
  const [own, client] = await Promise.all([
    authority.issue('CN=berth', 'server'),
    authority.issue('CN=admin, O=system:masters', 'client'),
  ]);
  const store = new MemoryStore({ clock });
  const server = await createApiServer({
    store,
    definitions,
    clock,
    rng: systemRng,
    log: options.log ?? silentLogger,
    nodeApi: () => undefined,
    authorizationModes: ['RBAC'],
    aside: true,
    ...(options.authentication ? { authentication: options.authentication } : {}),
    ...options.more,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  const credentials = { ...own, clientCa: authority.cert };
  const files = options.keptIn === undefined ? {} : { files: keepIn(options.keptIn, credentials) };
  const listener = await server.listen({ address: '127.0.0.1', port: 0, ...credentials, ...files });
  const open = (exchange: Exchange, onLine: (line: string) => void, signal?: AbortSignal) =>
    new Promise<Reply>((resolve, reject) => {
      const { method, path, contentType, accept, body, raw, certificate = true } = exchange;
      const payload = raw ?? (body === undefined || body === null ? undefined : JSON.stringify(body));
      const headers = {
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...(accept === undefined ? {} : { accept }),
        ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
        ...exchange.headers,
      };
      const credentials = certificate === true ? client : certificate === false ? {} : certificate;
      const sent = httpsRequest(
        {
          host: '127.0.0.1',
          port: listener.port,
          method,
          path,
          headers,
          ca: authority.cert,
          ...credentials,
          agent: false,
          ...(signal ? { signal } : {}),
        },
        (answer) => {
          let text = '';
          let rest = '';
          answer.setEncoding('utf8');
          answer.on('data', (chunk: string) => {
            text += chunk;
            rest += chunk;
            if (!chunk.includes('\n')) return;
            const lines = rest.split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) onLine(line);
          });
          const done = () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
          answer.on('end', done);
          answer.on('error', done);
        },
      );
      sent.on('error', reject);
      sent.end(payload);
    });
  return {
    server,
    store,
    clock,
    port: listener.port,
    authority,
    send: (exchange: Exchange) => open(exchange, () => undefined),
    /** Calls back for each line of a streamed answer. */
    stream: open,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
