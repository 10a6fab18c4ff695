import { FakeKernel } from './fake-kernel.ts';
import { mounterContract } from './mounter.contract.ts';

mounterContract('FakeKernel', () => new FakeKernel());
