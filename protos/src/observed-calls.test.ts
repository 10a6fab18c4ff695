import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { grpcError } from './grpc-error.ts';
import { type ObservedCall, observedCalls } from './observed-calls.ts';

test('calls are told of when they end, with their code and time; streams are not', async () => {
  const clock = new FakeClock();
  const heard: ObservedCall[] = [];
  class Service {
    readonly #answer = 'pong';
    async ping(): Promise<string> {
      await clock.sleep(1500);
      return this.#answer;
    }
    async fail(): Promise<string> {
      throw grpcError('NOT_FOUND', 'gone');
    }
    async *follow(): AsyncGenerator<string> {
      yield this.#answer;
    }
  }
  const service = observedCalls(new Service(), clock, (call) => heard.push(call));
  const pending = service.ping();
  await clock.advance(1500);
  expect(await pending).toBe('pong');
  await expect(service.fail()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  for await (const one of service.follow()) expect(one).toBe('pong');
  expect(heard).toEqual([
    { method: 'ping', code: 'OK', seconds: 1.5 },
    { method: 'fail', code: 'NOT_FOUND', seconds: 0 },
  ]);
});
