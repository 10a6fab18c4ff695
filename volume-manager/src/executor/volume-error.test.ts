import { type GrpcCode, grpcCodes, grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { outcomeOf, rpcFailure } from './volume-error.ts';

/** csi_attacher.go isFinalError: these, and no others, leave a node call in the dark. */
const uncertain: readonly GrpcCode[] = [
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
];

test.for(Object.keys(grpcCodes) as GrpcCode[])('the outcome after %s', (code) => {
  expect(rpcFailure(grpcError(code, 'x')).code).toBe(uncertain.includes(code) ? 'Uncertain' : 'Final');
});

test('a failed call reads as grpc-go prints it', () => {
  expect(rpcFailure(grpcError('FAILED_PRECONDITION', 'volume is in use')).message).toBe(
    'rpc error: code = FailedPrecondition desc = volume is in use',
  );
  expect(rpcFailure(grpcError('CANCELLED', 'gone')).message).toContain('code = Canceled');
});

test('what nobody foresaw counts as having had an effect', () => {
  expect(outcomeOf(new Error('ENOSPC'))).toBe('Uncertain');
});
