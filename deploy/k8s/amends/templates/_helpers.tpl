{{/* The four services, in the order of a complaint's way. */}}
{{- define "amends.services" -}}
["intake", "routing", "escalation", "notifier"]
{{- end }}

{{/* Prefix of all names; short enough for the longest suffix. */}}
{{- define "amends.prefix" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 36 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 36 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What selects the pods of a component: dict "root" $ "component" name. Never changes between versions. */}}
{{- define "amends.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of a pod: nothing that changes with the chart alone, so that pods restart for a reason. */}}
{{- define "amends.podLabels" -}}
{{ include "amends.selector" . }}
app.kubernetes.io/part-of: amends
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of an object: dict "root" $ "component" name. */}}
{{- define "amends.labels" -}}
{{ include "amends.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "amends.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "amends.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* One map over another, as JSON: dict "base" map "over" map. Sprig's merge would let `false` and 0 lose. */}}
{{- define "amends.overlay" -}}
{{- $out := deepCopy .base -}}
{{- range $key, $over := .over -}}
{{- $base := index $out $key -}}
{{- if and (kindIs "map" $over) (kindIs "map" $base) -}}
{{- $_ := set $out $key (include "amends.overlay" (dict "base" $base "over" $over) | fromJson) -}}
{{- else -}}
{{- $_ := set $out $key $over -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end }}

{{/* The values of one service, as JSON: dict "root" $ "service" name. */}}
{{- define "amends.service" -}}
{{- include "amends.overlay" (dict "base" .root.Values.defaults "over" (index .root.Values.services .service)) -}}
{{- end }}

{{/* Fewest and most pods of a service, as JSON: its values. */}}
{{- define "amends.replicas" -}}
{{- if .autoscaling.by -}}
{{- dict "min" (int .autoscaling.min) "max" (int .autoscaling.max) | toJson -}}
{{- else -}}
{{- dict "min" (int .replicas) "max" (int .replicas) | toJson -}}
{{- end -}}
{{- end }}

{{- define "amends.secretName" -}}
{{- default (printf "%s-secrets" (include "amends.prefix" .)) .Values.secret.name -}}
{{- end }}

{{/* A variable from a Secret: dict "root" $ "name" variable "ref" secretRef "optional" bool "suffix" text. */}}
{{- define "amends.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      {{- if .ref.name }}
      name: {{ .ref.name }}
      {{- else }}
      name: {{ include "amends.secretName" .root }}{{ if .root.Values.secret.create }}{{ default "" .suffix }}{{ end }}
      {{- end }}
      key: {{ .ref.key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* Variables of Kafka's login and certificates: dict "root" $ "suffix" text. */}}
{{- define "amends.kafkaEnv" -}}
{{- $kafka := .root.Values.kafka -}}
- name: AMENDS_KAFKA_SECURITY
  value: {{ $kafka.security }}
{{- if hasPrefix "SASL" $kafka.security }}
- name: AMENDS_KAFKA_SASL_MECHANISM
  value: {{ $kafka.sasl.mechanism }}
{{ include "amends.secretEnv" (dict "root" .root "name" "AMENDS_KAFKA_USERNAME" "ref" $kafka.sasl.usernameRef "suffix" .suffix) }}
{{ include "amends.secretEnv" (dict "root" .root "name" "AMENDS_KAFKA_PASSWORD" "ref" $kafka.sasl.passwordRef "suffix" .suffix) }}
{{- end }}
{{- if $kafka.tls.secret }}
{{- range $name, $file := dict "CA" $kafka.tls.ca "CERTIFICATE" $kafka.tls.certificate "KEY" $kafka.tls.key }}
{{- if $file }}
- name: AMENDS_KAFKA_{{ $name }}
  value: /etc/amends-kafka/{{ $file }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "amends.kafkaMount" -}}
{{- if .Values.kafka.tls.secret }}
- {name: kafka, mountPath: /etc/amends-kafka, readOnly: true}
{{- end }}
{{- end }}

{{- define "amends.kafkaVolume" -}}
{{- with .Values.kafka.tls.secret }}
- name: kafka
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* A value as a variable's text; whole numbers never as 8.388608e+06. */}}
{{- define "amends.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%d" (int64 .) }}{{ else }}{{ . }}{{ end -}}
{{- else if or (kindIs "slice" .) (kindIs "map" .) -}}
{{- toJson . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end }}

{{/* Security of every pod and container: Pod Security Standard "restricted", and nothing writable but /tmp. */}}
{{- define "amends.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.pod.user }}
  runAsGroup: {{ .Values.pod.user }}
  fsGroup: {{ .Values.pod.user }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "amends.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Helm's hook annotations of a job and what it needs, or none: dict "root" $ "weight" text "names" events. */}}
{{- define "amends.hook" -}}
{{- if .root.Values.jobs.asHooks }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
{{- end }}

{{/* Name of a job: a plain one belongs to its revision. dict "root" $ "job" name. */}}
{{- define "amends.jobName" -}}
{{ include "amends.prefix" .root }}-{{ .job }}{{ if not .root.Values.jobs.asHooks }}-{{ .root.Release.Revision }}{{ end }}
{{- end }}

{{/*
The company's data files for one service, as JSON {"files": [{key, path, text}], "env": {variable: path}}:
dict "root" $ "service" name. Mounted under /etc/amends.
*/}}
{{- define "amends.policies" -}}
{{- $given := .root.Values.policies -}}
{{- $files := list -}}
{{- $env := dict -}}
{{- if and (eq .service "routing") $given.routing -}}
{{- $files = append $files (dict "key" "routing.yaml" "path" "routing.yaml" "text" $given.routing) -}}
{{- $_ := set $env "AMENDS_ROUTING_POLICY" "/etc/amends/routing.yaml" -}}
{{- end -}}
{{- if and (eq .service "notifier") $given.notifier -}}
{{- $files = append $files (dict "key" "notifier.yaml" "path" "notifier.yaml" "text" $given.notifier) -}}
{{- $_ := set $env "AMENDS_NOTIFIER_POLICY" "/etc/amends/notifier.yaml" -}}
{{- end -}}
{{- if eq .service "escalation" -}}
{{- range $name, $text := $given.escalation -}}
{{- $files = append $files (dict "key" (printf "packs.%s" $name) "path" (printf "packs/%s" $name) "text" $text) -}}
{{- $_ := set $env "AMENDS_ESCALATION_PACKS" "/etc/amends/packs" -}}
{{- end -}}
{{- if $given.calendars -}}
{{- $files = append $files (dict "key" "calendars.yaml" "path" "calendars.yaml" "text" $given.calendars) -}}
{{- $_ := set $env "AMENDS_CALENDARS" "/etc/amends/calendars.yaml" -}}
{{- end -}}
{{- end -}}
{{- range $name, $text := $given.languages -}}
{{- $files = append $files (dict "key" (printf "languages.%s" ($name | replace "/" ".")) "path" (printf "languages/%s" $name) "text" $text) -}}
{{- $_ := set $env "AMENDS_LANGUAGES" "/etc/amends/languages" -}}
{{- end -}}
{{- dict "files" $files "env" $env | toJson -}}
{{- end }}

{{/* Paths of each service that may be published, as JSON; "/" is that page alone. Health and metrics stay inside. */}}
{{- define "amends.published" -}}
{
  "intake": ["/", "/v1", "/complain", "/comment", "/quick", "/promise", "/track", "/agent", "/static", "/openapi.json"],
  "routing": ["/v1", "/desk", "/static", "/openapi.json"],
  "escalation": ["/v1", "/static", "/openapi.json"],
  "notifier": ["/v1", "/letters", "/static", "/openapi.json"]
}
{{- end }}
