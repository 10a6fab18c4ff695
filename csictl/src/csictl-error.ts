import { CodedError, isAbort, messageOf } from '@berth/kit';
import { ApiError, KubeconfigError } from '@berth/kube';
import { type GrpcCode, GrpcError } from '@berth/protos';

export type CsictlErrorCode = 'USAGE' | 'NOT_FOUND' | 'FAILED' | 'TIMED_OUT';

/** What csictl tells its user: one line, and a hint on the next. */
export class CsictlError extends CodedError<CsictlErrorCode> {
  readonly hint: string | undefined;

  constructor(
    code: CsictlErrorCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(code, message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/** What a driver answered to a call, and what its user can do next. */
export class RpcError extends GrpcError {
  readonly hint: string | undefined;

  constructor(
    code: GrpcCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(code, message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/** 124 is what timeout(1) answers with. */
const exitCodes = { USAGE: 2, NOT_FOUND: 3, FAILED: 1, TIMED_OUT: 124 } as const satisfies Record<
  CsictlErrorCode,
  number
>;

export interface Failure {
  readonly exitCode: number;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Anything thrown, as an exit code and the lines to print. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CsictlError) {
    const { code, hint, message } = error;
    return {
      exitCode: exitCodes[code],
      hint,
      message: code === 'USAGE' || code === 'FAILED' ? message : `${message} (${code})`,
    };
  }
  if (error instanceof GrpcError) return grpcFailure(error);
  if (isNfsFailure(error)) return nfsFailure(error);
  if (isTimeout(error)) return timedOut(messageOf(error));
  if (error instanceof KubeconfigError) {
    return { exitCode: 1, message: error.message, hint: 'name another with --kubeconfig FILE' };
  }
  if (error instanceof ApiError) {
    return {
      exitCode: error.code === 'NotFound' ? 3 : 1,
      message: `${error.message} (${error.code})`,
      hint: undefined,
    };
  }
  const isForbidden = /^(EACCES|EPERM)$/.test(String((error as { code?: unknown }).code));
  const hint = isForbidden ? 'run it as root: sudo npx csictl …' : undefined;
  return { exitCode: 1, message: messageOf(error).split('\n')[0] ?? '', hint };
}

function grpcFailure(error: GrpcError): Failure {
  const { code } = error;
  const [line] = error.message.split('\n');
  if (code === 'DEADLINE_EXCEEDED' || code === 'CANCELLED') return timedOut(`${line}`);
  const message = `${line} (${code})`;
  if (error instanceof RpcError && error.hint)
    return { exitCode: code === 'NOT_FOUND' ? 3 : 1, message, hint: error.hint };
  if (code === 'NOT_FOUND') return { exitCode: 3, message, hint: undefined };
  if (code === 'UNIMPLEMENTED') {
    return { exitCode: 1, message, hint: 'see what the driver offers: csictl driver capabilities' };
  }
  return {
    exitCode: 1,
    message,
    hint: code === 'UNAVAILABLE' ? 'is the driver running? berth up starts it; --endpoint names another' : undefined,
  };
}

/** Told by its name: only commands that speak NFS load the package. */
function isNfsFailure(error: unknown): error is CodedError {
  return error instanceof CodedError && error.name === 'NfsError';
}

function nfsFailure({ code, message }: CodedError): Failure {
  if (code === 'TIMEDOUT') return timedOut(message);
  const hints: Readonly<Record<string, string>> = {
    UNAVAILABLE:
      'does the server run, and at that port? nfs://SERVER:PORT/…; for NFSv3 also ?mountport= and ?portmapport=',
    ACCESS: 'as another user: ?uid=N&gid=N; servers may also want ?privileged=yes',
    PERM: 'as another user: ?uid=N&gid=N; servers may also want ?privileged=yes',
    NOTDIR: 'csictl nfs ls shows what it is',
    ISDIR: 'csictl nfs ls lists a directory, csictl nfs cp -r copies it',
  };
  return { exitCode: code === 'NOENT' ? 3 : 1, message: `${message} (${code})`, hint: hints[code] };
}

function timedOut(message: string): Failure {
  return { exitCode: 124, message: `${message} (TIMED_OUT)`, hint: 'wait longer with --timeout, e.g. --timeout 2m' };
}

function isTimeout(error: unknown): boolean {
  return isAbort(error) || (error instanceof Error && error.name === 'TimeoutError');
}
