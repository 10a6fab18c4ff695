import { connect, constants } from 'node:http2';
import type { ProbeAnswer } from './probe-answer.ts';

export interface GrpcTarget {
  /** `host:port` */
  readonly address: string;
  readonly service: string;
  readonly timeoutSeconds: number;
}

/** grpc.health.v1 HealthCheckResponse.ServingStatus. */
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
const serving = 1;

/** Asks grpc.health.v1.Health/Check. The two messages have one field each, so they are coded here (pkg/probe/grpc). */
export function probeGrpc({ address, service, timeoutSeconds }: GrpcTarget, signal: AbortSignal): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    const end = (result: ProbeAnswer['result'], output: string) => {
      signal.removeEventListener('abort', onAbort);
      session.destroy();
      resolve({ result, output });
    };
    const late = `timeout: failed to connect service "${address}" within ${timeoutSeconds}s: context deadline exceeded`;
    const onAbort = () => end('failure', late);
    signal.addEventListener('abort', onAbort, { once: true });
    session.once('error', (error) => end('failure', `error: failed to connect to ${address}: ${error.message}`));
    const call = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    let status: unknown = '0';
    const body: Buffer[] = [];
    call.on('response', (headers) => {
      status = headers['grpc-status'] ?? status;
    });
    call.on('trailers', (trailers) => {
      status = trailers['grpc-status'] ?? status;
    });
    call.on('data', (chunk: Buffer) => body.push(chunk));
    call.on('error', (error) => end('failure', `error: health rpc failed: ${error.message}`));
    call.on('end', () => {
      if (String(status) !== '0') return end('failure', `error: health rpc failed: code ${String(status)}`);
      const answer = servingStatus(Buffer.concat(body));
      if (answer === serving) return end('success', 'service healthy');
      end('failure', `service unhealthy (responded with "${servingStatuses[answer] ?? answer}")`);
    });
    call.end(frame(service));
  });
}

/** gRPC's frame around `HealthCheckRequest{service = 1}`. */
function frame(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Field 1 of `HealthCheckResponse`, a varint below 128; absent is UNKNOWN. */
function servingStatus(body: Buffer): number {
  return body.length >= 7 && body[5] === 0x08 ? (body[6] as number) : 0;
}
