//! Figures of one moment: made for one answer, forgotten after it.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{
    EncodeLabelSet, EncodeLabelValue, EncodeMetric, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::PREFIX;

/// The labels of one series: names and values.
pub type Labels<V, const N: usize> = [(&'static str, V); N];

/// Figures of one moment.
#[derive(Debug)]
pub struct Facts {
    registry: Registry,
}

impl Default for Facts {
    fn default() -> Self {
        Self { registry: Registry::with_prefix(PREFIX) }
    }
}

impl Facts {
    /// Adds a gauge without labels.
    pub fn value(&mut self, name: &'static str, help: &'static str, value: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
    }

    /// Adds a gauge with one value for each set of labels. Nothing is added without samples.
    pub fn gauge<V, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels<V, N>, f64)>,
    ) where
        Labels<V, N>: EncodeLabelSet,
        V: EncodeLabelValue + Clone + Hash + Eq + Debug + Send + Sync + 'static,
    {
        let family = Family::<Labels<V, N>, Gauge<f64, AtomicU64>>::default();
        let mut is_empty = true;
        for (labels, value) in samples {
            family.get_or_create(&labels).set(value);
            is_empty = false;
        }
        if !is_empty {
            self.registry.register(name, help, family);
        }
    }

    /// Adds a counter that somebody else counted, with one value for each set of labels. `name` has no
    /// `_total`: that comes by itself. Nothing is added without samples.
    pub fn counter<V, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels<V, N>, u64)>,
    ) where
        Labels<V, N>: EncodeLabelSet,
        V: EncodeLabelValue + Clone + Hash + Eq + Debug + Send + Sync + 'static,
    {
        let family = Family::<Labels<V, N>, Counter>::default();
        let mut is_empty = true;
        for (labels, value) in samples {
            family.get_or_create(&labels).inc_by(value);
            is_empty = false;
        }
        if !is_empty {
            self.registry.register(name, help, family);
        }
    }

    /// Adds a histogram that somebody else counted, one for each set of labels. Nothing is added without samples.
    pub fn histogram<V, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels<V, N>, Counted)>,
    ) where
        Labels<V, N>: EncodeLabelSet,
        V: Debug + Send + Sync + 'static,
    {
        let samples: Vec<_> = samples.into_iter().collect();
        if !samples.is_empty() {
            self.registry.register(name, help, Histograms(samples));
        }
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }
}

/// What a histogram is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The sum of all that was measured.
    pub sum: f64,
    /// Upper bounds and how many lie above the bound before and up to it; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

#[derive(Debug)]
struct Histograms<V, const N: usize>(Vec<(Labels<V, N>, Counted)>);

impl<V, const N: usize> EncodeMetric for Histograms<V, N>
where
    Labels<V, N>: EncodeLabelSet,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (labels, Counted { sum, buckets }) in &self.0 {
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_family(labels)?.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
