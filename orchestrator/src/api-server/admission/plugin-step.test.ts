import { expect, test } from 'vitest';
import { MetricRegistry } from '../../metrics/metric-registry.ts';
import { AdmissionSteps } from '../metrics/admission-steps.ts';
import type { AdmissionRequest, NamedPlugin } from './admission.ts';
import { PluginStep } from './plugin-step.ts';

const series = 'apiserver_admission_controller_admission_duration_seconds';

test('each plugin is told as often as it was asked, and for how long, by whether it refused', async () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as ConstructorParameters<typeof AdmissionSteps>[1];
  const registry = new MetricRegistry();
  const steps = new AdmissionSteps(registry, clock);
  const takes = (name: string, ms: number, refusesFrom: number, operations = ['create']): NamedPlugin => {
    let asked = 0;
    return {
      name,
      operations: new Set(operations),
      run: () => {
        nowMs += ms;
        if (++asked >= refusesFrom) throw new Error('refused');
      },
    };
  };
  const others = takes('Other', 500, 9, ['delete']);
  const plugins = [takes('First', 1000, 9), others, takes('Last', 2000, 3), takes('Behind', 250, 9)];
  const step = new PluginStep('validate', plugins, () => steps);
  const request = { operation: 'create' } as AdmissionRequest;
  await step.run(request);
  await step.run(request);
  await expect(step.run(request)).rejects.toThrow('refused');
  const lines = (await registry.text())
    .split('\n')
    .filter((line) => line.startsWith(series) && !line.includes('_bucket'));
  const of = (name: string, rejected: boolean) =>
    `{name="${name}",operation="CREATE",rejected="${rejected}",type="validate"}`;
  expect(lines.sort()).toEqual(
    [
      `${series}_sum${of('First', false)} 3`,
      `${series}_count${of('First', false)} 3`,
      `${series}_sum${of('Behind', false)} 0.5`,
      `${series}_count${of('Behind', false)} 2`,
      `${series}_sum${of('Last', false)} 4`,
      `${series}_count${of('Last', false)} 2`,
      `${series}_sum${of('Last', true)} 2`,
      `${series}_count${of('Last', true)} 1`,
    ].sort(),
  );
});
