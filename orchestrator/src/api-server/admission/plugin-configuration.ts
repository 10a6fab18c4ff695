import { messageOf } from '@berth/kit';
import { aggregate } from '../aggregate.ts';
import { type ConfigurationForm, readConfiguration } from '../configuration/read-configuration.ts';
import type { FieldError } from '../resource-definition.ts';

/** Why the server does not start with what a plugin was told. */
export function pluginRefused(plugin: string, why: string): RangeError {
  return new RangeError(`couldn't init admission plugin ${JSON.stringify(plugin)}: ${why}`);
}

/** What a plugin is told, read strictly. @throws RangeError – in upstream's words */
export function readPluginConfiguration(
  plugin: string,
  text: string,
  form: ConfigurationForm,
): Record<string, unknown> {
  try {
    return readConfiguration(text, form);
  } catch (error) {
    throw pluginRefused(plugin, messageOf(error));
  }
}

/** @throws RangeError – there are errors */
export function refuseFields(plugin: string, errors: readonly FieldError[]): void {
  if (errors.length > 0)
    throw pluginRefused(plugin, aggregate(errors.map(({ field, message }) => `${field}: ${message}`)));
}
