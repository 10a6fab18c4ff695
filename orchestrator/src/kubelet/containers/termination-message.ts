import { constants as fsConstants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Pod } from '@berth/kube';
import { parseCriLine } from '../logs/cri-line.ts';
import { annotations } from '../pods/runtime-labels.ts';
import type { RuntimeContainer, RuntimePod } from '../pods/runtime-pod.ts';

/** Limits of kubelet's messages (kubecontainer.MaxContainerTerminationMessage*). */
const maxBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

/** Adds to ended containers what they left in their termination message file, or else in their log. */
export async function withTerminationMessages(pod: Pod, seen: RuntimePod): Promise<RuntimePod> {
  if (!pod.metadata.uid) return seen;
  const containers = await Promise.all(seen.containers.map(withMessage));
  return { ...seen, containers };
}

async function withMessage(container: RuntimeContainer): Promise<RuntimeContainer> {
  if (container.state !== 'CONTAINER_EXITED') return container;
  const path = container.annotations[annotations.terminationMessagePath];
  const mount = path ? container.mounts.find(({ containerPath }) => containerPath === path) : undefined;
  let message = mount ? await readTail(mount.hostPath, maxBytes) : '';
  const fallback = container.annotations[annotations.terminationMessagePolicy] === 'FallbackToLogsOnError';
  if (message === '' && fallback && container.exitCode !== 0) message = await logTail(container.logPath);
  return message === '' ? container : { ...container, message: container.message + message };
}

async function logTail(path: string): Promise<string> {
  // Each line carries a time, a stream and a tag before its text: about 40 bytes.
  const raw = await readTail(path, maxLogBytes + maxLogLines * 64);
  const lines = raw.split('\n').slice(-maxLogLines - 1);
  const text = lines
    .map((line) => parseCriLine(Buffer.from(line)))
    .map((parsed) => (parsed ? parsed.text.toString() + (parsed.partial ? '' : '\n') : ''))
    .join('');
  return text.slice(-maxLogBytes);
}

/** The end of a file a container may have written: opened without following links, read in bounds. */
async function readTail(path: string, limit: number): Promise<string> {
  try {
    await using file = await open(path, fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW | fsConstants.O_NONBLOCK);
    const { size } = await file.stat();
    const length = Math.min(size, limit);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString();
  } catch {
    // No message is no error: the container's end is what counts.
    return '';
  }
}
