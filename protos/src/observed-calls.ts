import type { Clock } from '@berth/kit';
import { asGrpcError, type GrpcCode } from './grpc-error.ts';

/** A call that was answered, or failed. */
export interface ObservedCall {
  readonly method: string;
  readonly code: GrpcCode;
  readonly seconds: number;
}

/** The same service; `observe` hears of each call's end. Streams are not told of. */
export function observedCalls<S extends object>(service: S, clock: Clock, observe: (call: ObservedCall) => void): S {
  return new Proxy(service, {
    get(target, name) {
      const own: unknown = Reflect.get(target, name);
      if (typeof own !== 'function' || typeof name !== 'string') return own;
      return (...given: unknown[]): unknown => {
        const beganMs = clock.monotonicMs();
        const ended = (code: GrpcCode) =>
          observe({ method: name, code, seconds: (clock.monotonicMs() - beganMs) / 1000 });
        const answer: unknown = Reflect.apply(own, target, given);
        if (!(answer instanceof Promise)) return answer;
        return answer.then(
          (value) => {
            ended('OK');
            return value as unknown;
          },
          (error: unknown) => {
            ended(asGrpcError(error).code);
            throw error;
          },
        );
      };
    },
  });
}
