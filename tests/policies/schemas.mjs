// Validates objects of Kubernetes' extensions: one as JSON on each line, for each what is wrong with it, or null.
import { createInterface } from "node:readline";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { Middleware } from "@kubernetes-models/traefik/traefik.io/v1alpha1/Middleware";

const kinds = { PodMonitor, PrometheusRule, Middleware };

for await (const line of createInterface({ input: process.stdin })) {
  const given = JSON.parse(line);
  let wrong = null;
  try {
    new kinds[given.kind](given).validate();
  } catch (error) {
    wrong = error.message;
  }
  console.log(JSON.stringify({ wrong }));
}
