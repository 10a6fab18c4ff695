import { messageOf } from '@berth/kit';
import type { DisposableAnswer } from './backend/nfs/disposable-child.ts';
import { type KernelMount, type KernelUnmount, runKernelMount } from './backend/nfs/kernel-mount.ts';

/** The program as the child that makes one system call which may hang: a request from stdin, an answer in one line. */
export function runMountHelper(input: string): string {
  return JSON.stringify(answerTo(input));
}

function answerTo(input: string): DisposableAnswer {
  try {
    runKernelMount(JSON.parse(input) as KernelMount | KernelUnmount);
    return { done: true };
  } catch (error) {
    return { errno: String((error as { code?: unknown }).code ?? 'EUNKNOWN'), message: messageOf(error) };
  }
}
