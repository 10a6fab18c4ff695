import { abortable, Backoff, type Clock, messageOf } from '@berth/kit';
import type { Container, Pod } from '@berth/kube';
import { type cri, GrpcError, rpcErrorText } from '@berth/protos';
import type { ContainerRuntime } from '../container-runtime.ts';
import { uidOf } from '../pods/pod-facts.ts';
import { imageReference } from './image-reference.ts';
import type { ImageUser } from './security.ts';
import { StartError } from './start-error.ts';

/** 10 s doubling to 5 min, as for containers that crash (kubelet.go MaxImageBackOff). */
const backoffOptions = { initialMs: 10_000, maxMs: 300_000 };

export type PodEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface ReadyImage {
  readonly ref: string;
  readonly user: ImageUser;
}

export interface PullRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly auths: readonly cri.AuthConfig[];
  readonly event: PodEvent;
}

/** How long a failure is told as such before its container is said to be in back-off: about kubelet's next look at the pod. */
const tellFailureMs = 10_000;

interface Waiting {
  readonly untilMs: number;
  readonly tellUntilMs: number;
  readonly error: string;
}

/** Brings images to the node by a container's pull policy (pkg/kubelet/images/image_manager.go). */
export class ImagePuller {
  readonly #images: ContainerRuntime['images'];
  readonly #clock: Clock;
  readonly #backoff = new Backoff(backoffOptions);
  readonly #waiting = new Map<string, Waiting>();

  constructor(images: ContainerRuntime['images'], clock: Clock) {
    this.#images = images;
    this.#clock = clock;
  }

  /** @throws StartError – the image is not there and may not or could not be pulled. */
  async ensure(request: PullRequest, signal: AbortSignal): Promise<ReadyImage> {
    const { container, event } = request;
    const { image = '' } = container;
    const reference = imageReference(image);
    if (reference === undefined) return this.#invalid(image, event);
    const present = await this.#status(reference, image, event, signal);
    const policy = container.imagePullPolicy ?? (/:latest$/.test(reference) ? 'Always' : 'IfNotPresent');
    if (present && policy !== 'Always') {
      const text = `Container image "${image}" already present on machine and can be accessed by the pod`;
      event('Normal', 'Pulled', text);
      return asReady(present);
    }
    if (policy === 'Never') {
      const text = `Container image "${image}" is not present with pull policy of Never`;
      event('Warning', 'ErrImageNeverPull', text);
      throw new StartError('ErrImageNeverPull', text);
    }
    return this.#pull(request, reference, signal);
  }

  /** Back-off of a pod that is gone is forgotten. */
  forget(uid: string): void {
    for (const key of this.#waiting.keys()) {
      if (!key.startsWith(`${uid}_`)) continue;
      this.#waiting.delete(key);
      this.#backoff.forget(key);
    }
  }

  #invalid(image: string, event: PodEvent): never {
    const text = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
    event('Warning', 'InspectFailed', text);
    throw new StartError('InvalidImageName', text);
  }

  async #status(reference: string, image: string, event: PodEvent, signal: AbortSignal) {
    try {
      const { image: found } = await this.#images.ImageStatus({ image: { image: reference } }, { signal });
      return found ?? undefined;
    } catch (error) {
      signal.throwIfAborted();
      const text = `Failed to inspect image "${image}": ${messageOf(error)}`;
      event('Warning', 'InspectFailed', text);
      throw new StartError('ImageInspectError', text);
    }
  }

  async #pull({ pod, container, auths, event }: PullRequest, reference: string, signal: AbortSignal) {
    const { image = '' } = container;
    const key = `${uidOf(pod)}_${image}`;
    const waiting = this.#waiting.get(key);
    const now = this.#clock.monotonicMs();
    const left = (waiting?.untilMs ?? 0) - now;
    if (waiting && waiting.tellUntilMs > now) {
      throw new StartError('ErrImagePull', waiting.error, waiting.tellUntilMs - now);
    }
    if (waiting && left > 0) {
      const text = `Back-off pulling image "${image}"`;
      event('Normal', 'BackOff', text);
      // The status tells why, the event does not.
      throw new StartError('ImagePullBackOff', `${text}: ErrImagePull: ${waiting.error}`, left);
    }
    event('Normal', 'Pulling', `Pulling image "${image}"`);
    const begin = this.#clock.monotonicMs();
    try {
      const pulled = await abortable(this.#pullWith(auths, reference, signal), signal);
      this.#waiting.delete(key);
      this.#backoff.forget(key);
      const took = duration(this.#clock.monotonicMs() - begin);
      const size = `Image size: ${pulled.size} bytes.`;
      event('Normal', 'Pulled', `Successfully pulled image "${image}" in ${took} (${took} including waiting). ${size}`);
      return asReady(pulled);
    } catch (error) {
      signal.throwIfAborted();
      const text = rpcText(error);
      event('Warning', 'Failed', `Failed to pull image "${image}": ${text}`);
      const delay = this.#backoff.next(key);
      const tellMs = Math.min(tellFailureMs, delay / 2);
      const failed = this.#clock.monotonicMs();
      this.#waiting.set(key, { untilMs: failed + delay, tellUntilMs: failed + tellMs, error: text });
      throw new StartError('ErrImagePull', text, tellMs);
    }
  }

  /** Tries each credential; the last error counts. */
  async #pullWith(auths: readonly cri.AuthConfig[], reference: string, signal: AbortSignal): Promise<cri.Image> {
    let failure: unknown;
    for (const auth of auths.length === 0 ? [null] : auths) {
      try {
        const { imageRef } = await this.#images.PullImage({ image: { image: reference }, auth }, { signal });
        const { image } = await this.#images.ImageStatus({ image: { image: imageRef } }, { signal });
        if (image) return image;
        failure = new Error(`image "${reference}" is not there after it was pulled`);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

function asReady(image: cri.Image): ReadyImage {
  return { ref: image.id, user: { uid: image.uid?.value, username: image.username } };
}

/** As Go prints what a runtime answers; of an unknown error only its words (cri/remote/remote_image.go). */
function rpcText(error: unknown): string {
  return error instanceof GrpcError && error.code !== 'UNKNOWN' ? rpcErrorText(error) : messageOf(error);
}

/** As Go prints it: `2.3s`, `340ms`. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${Number((ms / 1000).toFixed(3))}s`;
}
