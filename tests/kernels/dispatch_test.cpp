#include "kernels/dispatch.h"

#include <algorithm>
#include <string>

#include "kernels/fast_precision.h"
#include "kernels_support.h"

namespace gptkit {
namespace {

TEST(Dispatch, TheReferenceIsAlwaysThereAndLevelsAscend) {
  const auto levels = available_isas();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), Isa::kReference);
  EXPECT_TRUE(std::is_sorted(levels.begin(), levels.end()));
}

TEST(Dispatch, NoVariantIsAboveTheLevelThatWasChosen) {
  for (const auto isa : available_isas()) {
    const IsaScope scope(isa);
    const auto& table = kernels();
    EXPECT_EQ(table.isa, isa);
    for (const auto used : {table.autocast_linear.isa, table.packed_attention.isa,
                            table.rotate_heads.isa, table.rms_norm.isa, table.gelu_tanh.isa,
                            table.swiglu.isa, table.gpt2_block.isa, table.cross_entropy.isa}) {
      EXPECT_LE(used, isa);
    }
    EXPECT_EQ(has_bfloat16_matmul(), isa >= Isa::kAvx512Bf16);
  }
}

TEST(Dispatch, AScopeEndsWithTheTableOfBefore) {
  const auto* before = &kernels();
  {
    const IsaScope scope(Isa::kReference);
    EXPECT_NE(&kernels(), before);
    EXPECT_FALSE(kernels().autocast_linear);
  }
  EXPECT_EQ(&kernels(), before);
}

TEST(Dispatch, TheDescriptionNamesTheLevelOfEachOperation) {
  const IsaScope scope(Isa::kReference);
  const auto text = describe_kernels();
  EXPECT_TRUE(text.starts_with("reference of reference")) << text;
  EXPECT_NE(text.find(": matmul reference, attention reference,"), std::string::npos) << text;
  EXPECT_NE(text.find(" quantized_matmul reference,"), std::string::npos) << text;
}

TEST(Precision, AutoIsBfloat16WhereTheTableMultipliesIt) {
  for (const auto isa : available_isas()) {
    const IsaScope scope(isa);
    EXPECT_EQ(resolve_precision(Precision::kAuto, torch::kCPU),
              has_bfloat16_matmul() ? Precision::kBFloat16 : Precision::kFloat32);
    EXPECT_EQ(resolve_precision(Precision::kAuto, torch::kCUDA), Precision::kBFloat16);
  }
}

TEST(Precision, EmulatedBfloat16IsHonouredWithOneWarning) {
  const IsaScope scope(Isa::kReference);
  testing::internal::CaptureStderr();
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(resolve_precision(Precision::kBFloat16, torch::kCPU), Precision::kBFloat16);
  }
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("precision bfloat16 is emulated"), std::string::npos) << text;
  EXPECT_EQ(text.find("emulated"), text.rfind("emulated")) << text;
}

}  // namespace
}  // namespace gptkit
