// One dashboard as Perses draws it, for a picture: window.BOARD holds the dashboard, the time and where Prometheus is.
import { createRoot } from 'react-dom/client';
import { CssBaseline, ThemeProvider } from '@mui/material';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { ChartsProvider, SnackbarProvider, generateChartsTheme, getTheme } from '@perses-dev/components';
import { PluginRegistry, TimeRangeProvider, dynamicImportPluginLoader } from '@perses-dev/plugin-system';
import { Dashboard, DashboardProvider, DatasourceStoreProvider, VariableProvider } from '@perses-dev/dashboards';
import * as bars from '@perses-dev/bar-chart-plugin';
import * as markdown from '@perses-dev/markdown-plugin';
import * as prometheus from '@perses-dev/prometheus-plugin';
import * as stat from '@perses-dev/stat-chart-plugin';
import * as lines from '@perses-dev/timeseries-chart-plugin';

const { dashboard, start, end, url } = window.BOARD;
const source = {
  kind: 'GlobalDatasource',
  metadata: { name: 'prometheus' },
  spec: { default: true, plugin: { kind: 'PrometheusDatasource', spec: { directUrl: url, scrapeInterval: '2s' } } },
};
const sources = {
  getDatasource: () => Promise.resolve(undefined),
  getGlobalDatasource: () => Promise.resolve(source),
  listDatasources: () => Promise.resolve([]),
  listGlobalDatasources: () => Promise.resolve([source]),
  buildProxyUrl: () => url,
};
const plugins = [bars, markdown, prometheus, stat, lines];
const loader = dynamicImportPluginLoader(
  plugins.map((plugin) => ({ resource: plugin.getPluginModule(), importPlugin: () => Promise.resolve(plugin) })),
);
const theme = getTheme('light');
const queries = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, retry: 1 } } });

createRoot(document.getElementById('board')).render(
  <ThemeProvider theme={theme}>
    <CssBaseline />
    <ChartsProvider chartsTheme={generateChartsTheme(theme, {})}>
      <SnackbarProvider>
        <QueryClientProvider client={queries}>
          <PluginRegistry
            pluginLoader={loader}
            defaultPluginKinds={{ Panel: 'StatChart', TimeSeriesQuery: 'PrometheusTimeSeriesQuery' }}
          >
            <TimeRangeProvider
              timeRange={{ start: new Date(start * 1000), end: new Date(end * 1000) }}
              refreshInterval="0s"
            >
              <VariableProvider>
                <DatasourceStoreProvider dashboardResource={dashboard} datasourceApi={sources}>
                  <DashboardProvider initialState={{ dashboardResource: dashboard, isEditMode: false }}>
                    <Dashboard />
                  </DashboardProvider>
                </DatasourceStoreProvider>
              </VariableProvider>
            </TimeRangeProvider>
          </PluginRegistry>
        </QueryClientProvider>
      </SnackbarProvider>
    </ChartsProvider>
  </ThemeProvider>,
);
