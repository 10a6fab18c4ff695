import descriptor from './gen/registration.descriptor.json' with { type: 'json' };
import type { RegistrationService } from './gen/registration.ts';
import { defineService, loadRoot } from './service.ts';

/** kubelet's plugin registration service, which a plugin serves on a socket in `plugins_registry`. */
export const pluginRegistration = defineService<RegistrationService>(
  loadRoot(descriptor),
  'pluginregistration.Registration',
);
