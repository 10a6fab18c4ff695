import type { AdmissionStep, AdmissionSteps, Observed } from '../metrics/admission-steps.ts';
import type { AdmissionRequest, NamedPlugin } from './admission.ts';

/** Plugins that are asked one after the other, and how long that takes. */
export class PluginStep {
  readonly #type: AdmissionStep;
  readonly #plugins: readonly (NamedPlugin & { readonly key: string })[];
  readonly #steps: () => AdmissionSteps | undefined;
  /** By operation, the series of each plugin, once it let a request pass: what is looked up for 25 plugins costs more than they do. */
  readonly #passed = new Map<string, (readonly Observed[])[]>();

  constructor(type: AdmissionStep, plugins: readonly NamedPlugin[], steps: () => AdmissionSteps | undefined) {
    this.#type = type;
    this.#plugins = plugins.map((plugin) => ({ ...plugin, key: `${type} ${plugin.name}` }));
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
    const passed = this.#seriesOf(request.operation);
    let at = steps?.now() ?? 0;
    for (let i = 0; i < this.#plugins.length; i++) {
      let refused = true;
      try {
        const pending = this.#plugins[i]?.run(request);
        if (pending) await pending;
        refused = false;
      } finally {
        if (steps) {
          const now = steps.now();
          const known = refused ? undefined : passed[i];
          const series = known ?? this.#seriesAt(i, request.operation, { steps, refused });
          if (!refused) passed[i] = series;
          for (const each of series) each.observe((now - at) / 1000);
          at = now;
        }
      }
    }
  }

  #seriesOf(operation: string): (readonly Observed[])[] {
    let all = this.#passed.get(operation);
    if (!all) {
      all = [];
      this.#passed.set(operation, all);
    }
    return all;
  }

  /** None where upstream does not ask the plugin. */
  #seriesAt(
    index: number,
    operation: string,
    { steps, refused }: { readonly steps: AdmissionSteps; readonly refused: boolean },
  ): readonly Observed[] {
    const { key, name, operations } = this.#plugins[index] as NamedPlugin & { readonly key: string };
    return operations.has(operation) ? steps.plugin(key, name, this.#type).series(operation, refused) : [];
  }
}
