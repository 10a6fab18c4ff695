import type { AdmissionStep, AdmissionSteps } from '../metrics/admission-steps.ts';
import type { AdmissionRequest, NamedPlugin } from './admission.ts';

/** Plugins that are asked one after the other, and how long that takes. */
export class PluginStep {
  readonly #type: AdmissionStep;
  readonly #plugins: readonly (NamedPlugin & { readonly key: string })[];
  readonly #steps: () => AdmissionSteps | undefined;

  constructor(type: AdmissionStep, plugins: readonly NamedPlugin[], steps: () => AdmissionSteps | undefined) {
    this.#type = type;
    this.#plugins = plugins.map((plugin) => ({ ...plugin, key: `${type} ${plugin.name}` }));
    this.#steps = steps;
  }

  /** @throws what a plugin throws. */
  async run(request: AdmissionRequest): Promise<void> {
    const steps = this.#steps();
    if (steps) return this.#timed(request, steps);
    for (const { run } of this.#plugins) {
      const pending = run(request);
      if (pending) await pending;
    }
  }

  async #timed(request: AdmissionRequest, steps: AdmissionSteps): Promise<void> {
    const { operation } = request;
    const began = steps.now();
    let at = began;
    let refused = true;
    try {
      for (const { key, name, operations, run } of this.#plugins) {
        let isRefused = true;
        try {
          const pending = run(request);
          if (pending) await pending;
          isRefused = false;
        } finally {
          const now = steps.now();
          if (operations.has(operation)) steps.plugin(key, name, this.#type).observe(operation, now - at, isRefused);
          at = now;
        }
      }
      refused = false;
    } finally {
      steps.step(this.#type).observe(operation, at - began, refused);
    }
  }
}
