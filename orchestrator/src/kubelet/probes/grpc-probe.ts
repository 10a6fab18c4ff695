import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { asGrpcError, type GrpcError, grpcError, rpcErrorText } from '@berth/protos';
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
    // The words are those of pkg/probe/grpc; its dialing goes on after a refusal until the time is up.
    const notConnected = `timeout: failed to connect service "${address}" within ${timeoutSeconds}s: context deadline exceeded`;
    let connected = false;
    session.once('connect', () => {
      connected = true;
    });
    const onAbort = () =>
      end('failure', connected ? `timeout: health rpc did not complete within ${timeoutSeconds}s` : notConnected);
    signal.addEventListener('abort', onAbort, { once: true });
    const onError = ({ message }: Error) =>
      end('failure', connected ? rpcFailure(grpcError('UNAVAILABLE', message)) : notConnected);
    session.once('error', onError);
    const call = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    let answer: IncomingHttpHeaders = {};
    const body: Buffer[] = [];
    const onHeaders = (headers: IncomingHttpHeaders) => {
      answer = { ...answer, ...headers };
    };
    call.on('response', onHeaders).on('trailers', onHeaders);
    call.on('data', (chunk: Buffer) => body.push(chunk));
    call.on('error', onError);
    call.on('end', () => {
      const { 'grpc-status': status = '0', 'grpc-message': message = '' } = answer;
      if (status !== '0')
        return end(
          'failure',
          rpcFailure(asGrpcError({ code: Number(status), details: unescapeMessage(String(message)) })),
        );
      const health = servingStatus(Buffer.concat(body));
      if (health === serving) return end('success', 'service healthy');
      end('failure', `service unhealthy (responded with "${servingStatuses[health] ?? health}")`);
    });
    call.end(frame(service));
  });
}

function rpcFailure(error: GrpcError): string {
  return error.code === 'UNIMPLEMENTED'
    ? `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.message}`
    : `error: health rpc probe failed: ${rpcErrorText(error)}`;
}

/** `grpc-message` is percent-encoded (gRPC over HTTP2, Responses); one that is not is taken as it is. */
function unescapeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
