import type { AdmissionStep, AdmissionSteps, OperationTimes } from '../metrics/admission-steps.ts';
import type { AdmissionRequest, NamedPlugin } from './admission.ts';

/** What the times of 25 plugins are told by is looked up once: that costs more than the plugins do. */
interface TimedPlugin extends NamedPlugin {
  times: OperationTimes | undefined;
}

/** Plugins that are asked one after the other, and how long that takes. */
export class PluginStep {
  readonly #type: AdmissionStep;
  readonly #plugins: readonly TimedPlugin[];
  readonly #steps: () => AdmissionSteps | undefined;

  constructor(type: AdmissionStep, plugins: readonly NamedPlugin[], steps: () => AdmissionSteps | undefined) {
    this.#type = type;
    this.#plugins = plugins.map((plugin) => ({ ...plugin, times: undefined }));
    this.#steps = steps;
  }

  /** `again`: asked behind the last one, whether all are to be asked once more. @throws what a plugin throws. */
  async run(request: AdmissionRequest, again?: () => boolean): Promise<void> {
    const steps = this.#steps();
    const began = steps?.now() ?? 0;
    let refused = true;
    try {
      await this.#all(request, steps);
      if (again?.()) await this.#all(request, steps);
      refused = false;
    } finally {
      steps?.step(this.#type).observe(request.operation, steps.now() - began, refused);
    }
  }

  async #all(request: AdmissionRequest, steps: AdmissionSteps | undefined): Promise<void> {
    const { operation } = request;
    let at = steps?.now() ?? 0;
    for (const plugin of this.#plugins) {
      let refused = true;
      try {
        const pending = plugin.run(request);
        if (pending) await pending;
        refused = false;
      } finally {
        if (steps) {
          const now = steps.now();
          plugin.times ??= steps.plugin(plugin.name, this.#type);
          // Upstream does not ask it about others.
          if (plugin.operations.has(operation)) plugin.times.observe(operation, now - at, refused);
          at = now;
        }
      }
    }
  }
}
